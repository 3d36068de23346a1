from multiprocessing import (
    active_children as active_children,
    allow_connection_pickling as allow_connection_pickling,
    Array as Array,
    Barrier as Barrier,
    BoundedSemaphore as BoundedSemaphore,
    Condition as Condition,
    cpu_count as cpu_count,
    current_process as current_process,
    Event as Event,
    freeze_support as freeze_support,
    get_all_start_methods as get_all_start_methods,
    get_logger as get_logger,
    get_start_method as get_start_method,
    Lock as Lock,
    log_to_stderr as log_to_stderr,
    parent_process as parent_process,
    RawArray as RawArray,
    RawValue as RawValue,
    RLock as RLock,
    Semaphore as Semaphore,
    set_executable as set_executable,
    set_forkserver_preload as set_forkserver_preload,
    set_start_method as set_start_method,
    Value as Value,
)
from typing import Any

from . import connection as connection, context as context, managers as managers, queues as queues, reduction as reduction
from .connection import Client as Client, Connection as Connection, Listener as Listener, wait as wait
from .context import (
    _default_context,  # pyright: ignore[reportPrivateUsage]
    AuthenticationError as AuthenticationError,
    BufferTooShort as BufferTooShort,
    get_context as get_context,
    Process as Process,
    ProcessError as ProcessError,
    TimeoutError as TimeoutError,
)
from .gateway import Gateway as Gateway, serve as serve
from .managers import (
    BaseManager as BaseManager,
    BaseProxy as BaseProxy,
    NamespaceProxy as NamespaceProxy,
    SyncManager as SyncManager,
)
from .pool import BrokenPool as BrokenPool
from .reducers import (
    Adaptive as Adaptive,
    CBOR as CBOR,
    CloudPickle as CloudPickle,
    Dill as Dill,
    JSON as JSON,
    MessagePack as MessagePack,
    Pickle as Pickle,
    Reducer as Reducer,
    register as register,
    Restricted as Restricted,
)

reducer: Any
Pipe = _default_context.Pipe
Queue = _default_context.Queue
JoinableQueue = _default_context.JoinableQueue
SimpleQueue = _default_context.SimpleQueue
Pool = _default_context.Pool
Manager = _default_context.Manager
SUBDEBUG: int
SUBWARNING: int

def install(reducer: object = ...) -> None: ...
def uninstall() -> None: ...
