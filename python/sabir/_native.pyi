import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from typing_extensions import disjoint_base

if sys.version_info >= (3, 11):
    from typing import Self
else:
    from typing_extensions import Self

if sys.version_info >= (3, 12):
    from collections.abc import Buffer
else:
    from typing_extensions import Buffer

__all__ = ["Connection", "answer_challenge", "deliver_challenge"]

@disjoint_base
class Connection:
    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self: ...
    def __init__(
        self, handle: int, readable: bool = True, writable: bool = True, *, read_ahead: bool = False
    ) -> None: ...
    @property
    def closed(self) -> bool: ...
    @property
    def readable(self) -> bool: ...
    @property
    def writable(self) -> bool: ...
    @property
    def read_ahead(self) -> bool: ...
    @read_ahead.setter
    def read_ahead(self, value: bool) -> None: ...
    @property
    def _handle(self) -> int | None: ...
    def fileno(self) -> int: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        _exc_type: type[BaseException] | None = None,
        _exc_value: BaseException | None = None,
        _exc_tb: TracebackType | None = None,
    ) -> None: ...
    def send_bytes(
        self, buf: Buffer, offset: int = 0, size: int | None = None, *, timeout: float | None = None
    ) -> None: ...
    def send_gathered(self, parts: Sequence[Buffer], *, timeout: float | None = None) -> None: ...
    def send_many(self, messages: Sequence[Buffer], *, timeout: float | None = None) -> None: ...
    def recv_bytes(self, maxlength: int | None = None, *, timeout: float | None = None) -> bytes: ...
    def recv_bytes_into(self, buf: Buffer, offset: int = 0, *, timeout: float | None = None) -> int: ...
    def poll(self, timeout: float | None = 0.0) -> bool: ...

def deliver_challenge(
    connection: Any,
    authkey: bytes,
    digest_name: str = "sha256",
    *,
    min_auth: str = "md5",
    timeout: float | None = None,
) -> str | None: ...
def answer_challenge(
    connection: Any,
    authkey: bytes,
    *,
    legacy_digest: str = "md5",
    min_auth: str = "md5",
    timeout: float | None = None,
) -> str | None: ...
