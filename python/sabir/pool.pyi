import multiprocessing.pool
from multiprocessing import ProcessError
from multiprocessing.pool import ThreadPool as ThreadPool
from typing import Any, Callable, Iterable

class BrokenPool(ProcessError): ...

class Pool(multiprocessing.pool.Pool):
    def __init__(
        self,
        processes: int | None = ...,
        initializer: Callable[..., object] | None = ...,
        initargs: Iterable[Any] = ...,
        maxtasksperchild: int | None = ...,
        context: Any = ...,
        reducer: object = ...,
    ) -> None: ...
