import builtins
import multiprocessing.managers
from multiprocessing.managers import (
    DictProxy as DictProxy,
    ListProxy as ListProxy,
    Namespace as Namespace,
    RemoteError as RemoteError,
    Server as Server,
    SharedMemoryManager as SharedMemoryManager,
    Token as Token,
    ValueProxy as ValueProxy,
)
from typing import Any, Iterable, Iterator, MutableSet

class BaseManager(multiprocessing.managers.BaseManager):
    def __init__(
        self,
        address: Any = ...,
        authkey: bytes | None = ...,
        serializer: str = ...,
        ctx: Any = ...,
        reducer: object = ...,
        timeout: float | None = ...,
        backlog: int = ...,
        **more: Any,
    ) -> None: ...

class SyncManager(BaseManager, multiprocessing.managers.SyncManager):
    def set(self, iterable: Iterable[Any] = ..., /) -> SetProxy: ...

class BaseProxy(multiprocessing.managers.BaseProxy): ...

class SetProxy(BaseProxy, MutableSet[Any]):
    def __contains__(self, value: object) -> bool: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __len__(self) -> int: ...
    def add(self, value: Any) -> None: ...
    def discard(self, value: Any) -> None: ...
    def copy(self) -> builtins.set[Any]: ...

class NamespaceProxy(BaseProxy):
    def __getattr__(self, key: str) -> Any: ...
    def __setattr__(self, key: str, value: Any) -> None: ...
    def __delattr__(self, key: str) -> None: ...
