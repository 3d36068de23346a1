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
from typing import Any

class BaseManager(multiprocessing.managers.BaseManager):
    def __init__(
        self,
        address: Any = ...,
        authkey: bytes | None = ...,
        serializer: str = ...,
        ctx: Any = ...,
        reducer: object = ...,
        timeout: float | None = ...,
        **more: Any,
    ) -> None: ...

class SyncManager(BaseManager, multiprocessing.managers.SyncManager): ...
class BaseProxy(multiprocessing.managers.BaseProxy): ...

class NamespaceProxy(BaseProxy):
    def __getattr__(self, key: str) -> Any: ...
    def __setattr__(self, key: str, value: Any) -> None: ...
    def __delattr__(self, key: str) -> None: ...
