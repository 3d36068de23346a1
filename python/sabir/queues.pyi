import multiprocessing.queues
from queue import Empty as Empty, Full as Full
from typing import Any, TypeVar

from .reduction import Reducer

_T = TypeVar("_T")

class Queue(multiprocessing.queues.Queue[_T]):
    on_error: str
    def __init__(
        self, maxsize: int = ..., ctx: Any = ..., reducer: object = ..., on_error: str | None = ...
    ) -> None: ...
    @property
    def reducer(self) -> Reducer: ...

class JoinableQueue(multiprocessing.queues.JoinableQueue[_T]):
    on_error: str
    def __init__(
        self, maxsize: int = ..., ctx: Any = ..., reducer: object = ..., on_error: str | None = ...
    ) -> None: ...
    @property
    def reducer(self) -> Reducer: ...

class SimpleQueue(multiprocessing.queues.SimpleQueue[_T]):
    def __init__(self, ctx: Any = ..., reducer: object = ...) -> None: ...
    @property
    def reducer(self) -> Reducer: ...
