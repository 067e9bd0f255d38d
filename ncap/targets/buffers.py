"""Memory for batches that is used again: asking the system for the pages of a large batch anew takes longer than filling them."""

import mmap
from weakref import finalize

import numpy as np

LEAST, MOST = 2**20, 2**26  # bytes: what is smaller the allocator keeps itself, what is larger is no batch
KEPT = 4  # blocks: those of the batches that are read ahead


class Buffers:
    """Arrays whose memory is taken back when nobody holds the array, or a view of it, any more.

    >>> buffers = Buffers()
    >>> first = buffers.empty((512, 1024))
    >>> place, view = first.ctypes.data, first[1:]
    >>> del first
    >>> buffers.empty((512, 1024)).ctypes.data == place     # the view holds it
    False
    >>> del view
    >>> buffers.empty((512, 1024)).ctypes.data == place
    True
    """

    def __init__(self) -> None:
        self._free: list[mmap.mmap] = []

    def empty(self, shape: tuple[int, ...]) -> np.ndarray:
        """An array float32 of the shape, with anything in it."""
        size = int(np.prod(shape)) * 4
        if not LEAST <= size <= MOST:
            return np.empty(shape, np.float32)
        block = self._taken(size)
        array = np.frombuffer(block, np.float32)  # the base of every view, since its own base is no array
        finalize(array, self._take_back, block).atexit = False
        return array.reshape(shape)

    def _taken(self, size: int) -> mmap.mmap:
        while self._free:
            try:
                block = self._free.pop()
            except IndexError:  # another thread was faster
                break
            if len(block) == size:
                return block
        return mmap.mmap(-1, size)

    def _take_back(self, block: mmap.mmap) -> None:
        if len(self._free) < KEPT:
            self._free.append(block)
