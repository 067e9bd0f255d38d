"""Arrays out of an HDF5 file that may be anyone's: nothing outside the file is read, and no more bytes than it has.

HDF5 can link to other files, keep an array's numbers in them, and promise an array of any size in a few bytes; what ncap writes are plain
arrays, in one piece each, and nothing else is read.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from ncap.reasons import one_line


class HDF5Error(ValueError):
    """The file is damaged, or is none of those that ncap writes."""


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """The file, for reading. Raises HDF5Error for whatever is no HDF5 file and for what is damaged, a pipe and a device among it."""
    if not path.is_file():
        raise HDF5Error("no such file" if not path.exists() else "not a file")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except HDF5Error:
        raise
    except Exception as error:  # HDF5 has an exception of Python for every kind of damage
        raise HDF5Error(one_line(error)) from error


def child(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    """What a group itself holds under a name, without following a link to another place or file. Raises HDF5Error."""
    if not isinstance(group, h5py.Group) or group.get(name, getlink=True) is None:
        raise HDF5Error(f"{name} is missing")
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise HDF5Error(f"{name} is a link")
    return group[name]


def plain(array: h5py.Group | h5py.Dataset) -> h5py.Dataset:
    """The array itself, if it is one of numbers that lies in the file in one piece, as long as its shape says. Raises HDF5Error."""
    if not isinstance(array, h5py.Dataset) or array.dtype.kind not in "biufc":
        raise HDF5Error("not an array of numbers")
    if array.external or array.is_virtual:
        raise HDF5Error(f"{array.name} lies in another file")
    size = math.prod(array.shape) * array.dtype.itemsize if array.shape is not None else -1
    if array.chunks or size != array.id.get_storage_size():
        raise HDF5Error(f"{array.name} of shape {array.shape} does not lie in the file in one piece")
    return array


def read(arrays: list[h5py.Dataset]) -> list[np.ndarray]:
    """The numbers of plain arrays. Raises HDF5Error where they would be more than the file has: one place read many times."""
    sizes = [array.nbytes for array in arrays]
    if arrays and sum(sizes) > Path(arrays[0].file.filename).stat().st_size:
        raise HDF5Error(f"its arrays have {sum(sizes)} bytes, more than the file")
    return [array[()] for array in arrays]


def heaps_end(path: Path) -> bool:
    """Whether each heap of texts in a file comes to its end; HDF5 itself goes round in one that does not.

    A heap is "GCOL", version 1, its size, and objects of a head of 16 bytes and their contents; the object 0 is what is free.
    """
    content, start = path.read_bytes(), -1
    while (start := content.find(b"GCOL\x01\0\0\0", start + 1)) >= 0:
        place, end = start + 16, start + int.from_bytes(content[start + 8 : start + 16], "little")
        while place + 16 <= end:
            number, size = (
                int.from_bytes(content[place + at : place + at + n], "little") for at, n in ((0, 2), (8, 8))
            )
            step = 16 + -(-size // 8) * 8 if number else size
            if step < 16 or place + step > min(end, len(content)):
                return False
            place += step
    return True
