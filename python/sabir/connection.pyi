import multiprocessing.connection
from collections.abc import Sequence
from multiprocessing.connection import answer_challenge as answer_challenge, deliver_challenge as deliver_challenge
from multiprocessing.connection import wait as wait
from typing import Any

from typing_extensions import Buffer

from .reduction import Reducer

HANDSHAKE_TIMEOUT: float

class Connection(multiprocessing.connection.Connection[Any, Any]):
    recv_timeout: float | None
    send_timeout: float | None
    def __init__(
        self, handle: int, readable: bool = ..., writable: bool = ..., reducer: object = ..., peer: object = ...
    ) -> None: ...
    read_ahead: bool
    def send_bytes(
        self, buf: Buffer, offset: int = ..., size: int | None = ..., timeout: float | None = ...
    ) -> None: ...
    def send_gathered(self, parts: Sequence[Buffer], timeout: float | None = ...) -> None: ...
    def send_many(self, messages: Sequence[Buffer | list[Buffer]], timeout: float | None = ...) -> None: ...
    def recv_bytes(self, maxlength: int | None = ..., timeout: float | None = ...) -> bytes: ...
    def recv_many(self, timeout: float | None = ...) -> list[bytes]: ...
    def recv_bytes_into(self, buf: Buffer, offset: int = ..., timeout: float | None = ...) -> int: ...
    @property
    def reducer(self) -> Reducer: ...
    @reducer.setter
    def reducer(self, reducer: object) -> None: ...

class Listener(multiprocessing.connection.Listener):
    def __init__(
        self,
        address: Any = ...,
        family: str | None = ...,
        backlog: int = ...,
        authkey: bytes | None = ...,
        reducer: object = ...,
        timeout: float | None = ...,
        handshake_timeout: float | None = ...,
    ) -> None: ...
    def accept(self, timeout: float | None = ...) -> Connection: ...

def Client(
    address: Any,
    family: str | None = ...,
    authkey: bytes | None = ...,
    reducer: object = ...,
    timeout: float | None = ...,
    context: Any = ...,
) -> Connection: ...
def Pipe(duplex: bool = ..., reducer: object = ..., context: Any = ...) -> tuple[Connection, Connection]: ...
