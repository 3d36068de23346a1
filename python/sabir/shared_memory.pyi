import multiprocessing.shared_memory
from multiprocessing.shared_memory import ShareableList as ShareableList

class SharedMemory(multiprocessing.shared_memory.SharedMemory):
    def __init__(self, name: str | None = ..., create: bool = ..., size: int = ..., track: bool = ...) -> None: ...
