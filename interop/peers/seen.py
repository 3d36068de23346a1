"""What a client's step saw: its value, or its exception, of whatever version the server is."""
import threading
from multiprocessing.managers import RemoteError

from describe import describe_error

DEADLINE = 20.0


def tried(what):
    try:
        return what()
    except Exception as error:
        return describe_error(error)


def plain(text):
    """Descriptions are ASCII; 2.7 may be given them as unicode."""
    return str(text)


def caught(what):
    """The exception as a value. One that only says that the other end failed is not it, and is raised again."""
    try:
        what()
    except Exception as error:
        if isinstance(error, RemoteError):
            raise
        return error
    except BaseException as error:
        return error


def kind_of(what):
    """The type of what is raised, where its text is the version's own."""
    try:
        return (u'returned', what())
    except Exception as error:
        return u'raised ' + type(error).__name__


def in_thread(function):
    """On a connection of its own, as every thread of a client has."""
    box = []
    thread = threading.Thread(target=lambda: box.append(function()))
    thread.daemon = True
    thread.start()
    thread.join(DEADLINE)
    return box[0] if box else u'no answer'
