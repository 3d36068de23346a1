"""Steps of a manager's client: calls, namespaces, values and arrays, proxies as values."""
import gc
from multiprocessing.managers import BaseProxy

from seen import in_thread, kind_of, plain

STEPS = []


def step(function):
    STEPS.append((function.__name__, function))
    return function


# Calls.


@step
def create_arguments(m):
    return plain(m.Echo(1, u'two', k=u'v').see_made_with())


@step
def call_shared(m):
    return plain(m.get_echo().see_made_with())


@step
def call_keywords(m):
    return plain(m.Echo().see_keywords(a=1, b=u'x', c=None))


@step
def call_keyword_value(m):
    return m.Echo().echo(value=u'by name')


@step
def call_default(m):
    return m.Echo().echo()


@step
def call_nested(m):
    return m.Echo().echo({u'a': [1, (2, u'\xe9')], u'b': b'\xff'})


@step
def call_missing_method(m):
    return kind_of(lambda: m.Echo()._callmethod('no_such_method'))


@step
def call_missing_type(m):
    return kind_of(lambda: m.no_such_type())


@step
def call_wrong_arguments(m):
    return kind_of(lambda: m.Echo().see(1, 2, 3))


@step
def call_attribute_error(m):
    return kind_of(lambda: m.Echo().attribute_error())


@step
def call_unpicklable(m):
    return kind_of(lambda: m.Echo().unpicklable())


@step
def call_other_thread(m):
    echo = m.Echo()
    return in_thread(lambda: echo.echo(u'from a thread'))


@step
def call_traceback_text(m):
    try:
        m.Echo()._callmethod('no_such_method')
    except Exception as error:
        return [type(error.args[0]).__name__, 'Traceback' in error.args[0], 'no_such_method' in error.args[0]]


# Namespace, Value, Array.


@step
def namespace(m):
    space = m.Namespace()
    space.a = 1
    space.text = u'\xe9'
    out = [space.a, space.text]
    del space.a
    return out + [kind_of(lambda: space.a), hasattr(space, 'text'), hasattr(space, 'a')]


@step
def namespace_created(m):
    return m.Namespace(x=1, y=[2]).y


@step
def value(m):
    holder = m.Value('i', 3)
    holder.value += 1
    holder.set(holder.get() * 2)
    return holder.value


@step
def array(m):
    items = m.Array('i', [1, 2, 3])
    items[0] = 9
    return [len(items), items[0], list(items[1:3])]


@step
def array_slices(m):
    import array as arrays
    items = m.Array('i', [1, 2, 3, 4])
    items[1:3] = arrays.array('i', [7, 8])
    return [items[index] for index in range(4)]


# Proxies as values.


@step
def proxy_returned(m):
    child = m.Echo().child()
    return [plain(child.see_made_with()), isinstance(child, BaseProxy)]


@step
def proxy_as_argument(m):
    items = m.list([1])
    return [m.Echo().use_list(items), items[:]]


@step
def proxy_in_list(m):
    inner = m.dict({u'k': 1})
    outer = m.list([0])
    outer.append(inner)
    return outer[1][u'k']


@step
def proxy_in_list_written(m):
    inner = m.dict({u'k': 1})
    outer = m.list()
    outer.append(inner)
    outer[0][u'new'] = 2
    return [len(inner), len(outer[0])]


@step
def proxy_deep(m):
    inner = m.list([u'deep'])
    outer = m.dict()
    outer[u'a'] = [{u'b': (inner, inner)}]
    found = outer[u'a'][0][u'b']
    return [found[0][0], found[1][0]]


@step
def proxy_in_namespace(m):
    space = m.Namespace()
    space.items = m.list([1, 2])
    return len(space.items)


@step
def proxy_of_queue(m):
    items = m.Queue()
    items.put(u'q')
    outer = m.list()
    outer.append(items)
    return outer[0].get(True, 5)


@step
def proxy_echoed(m):
    items = m.list([1, 2])
    return m.Echo().echo(items)[1]


@step
def proxy_in_queue(m):
    items = m.dict({1: u'x'})
    line = m.Queue()
    line.put((u'take', items))
    return line.get(True, 5)[1][1]


@step
def proxy_and_address(m):
    """A text that equals the server's host, beside a proxy, stays what it was."""
    host = m.address[0] if isinstance(m.address, tuple) else m.address
    found = m.Echo().echo([host, m.list([1]), host])
    return [found[0] == host, found[2] == host, found[1][0]]


# The server's own functions.


@step
def server_functions(m):
    return [m._debug_info() is not None, type(m._debug_info()).__name__, m._number_of_objects() >= 0]


@step
def objects_return(m):
    """Every object that the proxies of a program held is gone once they are."""
    gc.collect()
    before = m._number_of_objects()
    held = [m.list(), m.dict(), m.Queue(), m.Echo(), m.Namespace()]
    held.append(held[3].child())
    during = m._number_of_objects() - before
    del held
    gc.collect()
    return [during, m._number_of_objects() - before]
