import multiprocessing.context
from multiprocessing.context import (
    AuthenticationError as AuthenticationError,
    BufferTooShort as BufferTooShort,
    Process as Process,
    ProcessError as ProcessError,
    TimeoutError as TimeoutError,
)
from types import ModuleType
from typing import Any, Callable, Iterable

from . import connection as _connection
from . import managers as _managers
from . import pool as _pool
from . import queues as _queues

class Context(multiprocessing.context.BaseContext):
    Process: type[Process]
    Connection: type[_connection.Connection]
    Listener: type[_connection.Listener]
    BaseManager: type[_managers.BaseManager]
    SyncManager: type[_managers.SyncManager]
    BaseProxy: type[_managers.BaseProxy]
    NamespaceProxy: type[_managers.NamespaceProxy]
    connection: Any
    managers: Any
    reduction: ModuleType
    @property
    def reducer(self) -> Any: ...
    @reducer.setter
    def reducer(self, reduction: object) -> None: ...
    def Client(
        self,
        address: Any,
        family: str | None = ...,
        authkey: bytes | None = ...,
        reducer: object = ...,
        timeout: float | None = ...,
    ) -> _connection.Connection: ...
    def Pipe(self, duplex: bool = ..., reducer: object = ...) -> tuple[_connection.Connection, _connection.Connection]: ...
    def wait(self, object_list: Iterable[Any], timeout: float | None = ...) -> list[Any]: ...
    def Queue(self, maxsize: int = ..., reducer: object = ..., on_error: str | None = ...) -> _queues.Queue[Any]: ...
    def JoinableQueue(
        self, maxsize: int = ..., reducer: object = ..., on_error: str | None = ...
    ) -> _queues.JoinableQueue[Any]: ...
    def SimpleQueue(self, reducer: object = ...) -> _queues.SimpleQueue[Any]: ...
    def Pool(
        self,
        processes: int | None = ...,
        initializer: Callable[..., object] | None = ...,
        initargs: Iterable[Any] = ...,
        maxtasksperchild: int | None = ...,
        reducer: object = ...,
    ) -> _pool.Pool: ...
    def Manager(self, reducer: object = ...) -> _managers.SyncManager: ...
    def get_context(self, method: str | None = ..., reducer: object = ...) -> Context: ...  # type: ignore[override]

_default_context: Context

def get_context(method: str | None = ..., reducer: object = ...) -> Context: ...
