from types import TracebackType
from typing import Any

from typing_extensions import Self

__all__ = ["Gateway", "serve"]

class Program:
    addresses: list[Any]
    @property
    def address(self) -> Any: ...
    def is_alive(self) -> bool: ...
    def stop(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

class Gateway(Program):
    def __init__(
        self,
        listen: Any,
        to: Any,
        routes: Any = ...,
        authkey: bytes | None = ...,
        to_authkey: bytes | None = ...,
        timeout: float = ...,
        **options: Any,
    ) -> None: ...

def serve(listen: Any = ..., authkey: bytes | None = ..., timeout: float = ..., **options: Any) -> Program: ...
