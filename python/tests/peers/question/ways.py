"""The ways in which the question's programs get their reducer."""

import multiprocessing


def apply(way):
    """Sets the reducer; returns what stands for the package."""
    if way == 'stock':
        return multiprocessing
    if way.endswith('-late'):
        from multiprocessing import connection, managers  # noqa: F401
    import sabir
    if way.startswith('setting-module'):
        from two_reducer import TwoReducer
        sabir.reducer = TwoReducer()
        return sabir
    if way.startswith('setting-context'):
        from two_reducer import TwoReducer
        context = sabir.get_context('fork')
        context.reducer = TwoReducer()
        return context
    if way.startswith('setting-default'):
        from two_reducer import TwoReducer
        sabir.context._default_context.reducer = TwoReducer()
        return sabir
    if way == 'pickle':
        return sabir.get_context(reducer=sabir.Pickle(protocol=2))
    if way == 'adaptive':
        return sabir
    if way.startswith('install'):
        sabir.install(sabir.Pickle(protocol=2))
        return multiprocessing
    if way.startswith('adaptive-install'):
        sabir.install(sabir.Adaptive())
        return multiprocessing
    if way.startswith('two-install'):
        from two_reducer import TwoReducer
        sabir.install(TwoReducer())
        return multiprocessing
    raise SystemExit('unknown way %r' % way)


def modules(package):
    """The managers and the connections of it."""
    if package is multiprocessing:
        from multiprocessing import connection, managers
        return managers, connection
    return package.managers, package.connection
