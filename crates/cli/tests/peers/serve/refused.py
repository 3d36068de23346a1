"""What the server cannot have says what to do: refused.py ADDRESS"""
from multiprocessing.managers import RemoteError

import common

manager = common.connect()


def refused(function, *args):
    try:
        function(*args)
    except (RemoteError, TypeError) as error:
        return str(error).rstrip('-\n ').split('\n')[-1]
    raise AssertionError('it was not refused')


text = refused(manager.Pool)
assert 'no Pool' in text and 'start a multiprocessing.Pool' in text, text
text = refused(manager.UserClass)
assert "no type 'UserClass'" in text and 'serve a class of your own' in text, text
text = refused(manager.config, 1)
assert 'one object for all' in text, text
text = refused(manager.list([2, 1])._callmethod, 'sort', (), {'key': len})
assert 'runs no Python' in text and 'in the program' in text, text
if hasattr(manager, 'Barrier'):
    text = refused(manager.Barrier, 2, len)
    assert 'runs no Python' in text and 'wait() returns 0' in text, text
print('fine')
