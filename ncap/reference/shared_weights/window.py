"""One axis of a window that slides over an image, as Keras places it: what a convolution and a pooling have in common."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ncap.reference.arguments import choose

PADDINGS = ("valid", "same")
Slices = tuple[slice, slice, slice]


class Window(NamedTuple):
    """Along one axis: its length, the window's size and stride, the padding before the axis, the number of places = outputs."""

    length: int
    size: int
    stride: int
    before: int
    outputs: int

    def cells(self) -> NDArray[np.intp]:
        """[k, o], the cell of the axis under entry k of the window at place o; cells outside 0..length-1 are padding.

        >>> window(3, 2, 2, "same").cells().tolist()     # two places, one cell of padding at the end
        [[0, 2], [1, 3]]
        """
        return self.stride * np.arange(self.outputs) + np.arange(self.size)[:, None] - self.before

    def inside(self) -> NDArray[np.bool_]:
        """[k, o], whether entry k lies on the axis at place o, not on padding."""
        cells = self.cells()
        return np.asarray((cells >= 0) & (cells < self.length))

    def overlap(self, k: int) -> tuple[slice, slice]:
        """The cells under entry k, and the places where they are: two slices of equal length.

        >>> window(3, 2, 2, "same").overlap(1)
        (slice(1, 2, 2), slice(0, 1, None))
        """
        first = max(0, -((k - self.before) // self.stride))
        last = min(self.outputs - 1, (self.length - 1 + self.before - k) // self.stride)
        if last < first:
            return slice(0, 0), slice(0, 0)
        start, end = (self.stride * place + k - self.before for place in (first, last))
        return slice(start, end + 1, self.stride), slice(first, last + 1)


def window(length: int, size: int, stride: int, padding: str) -> Window:
    """Keras' convention: "valid" has no padding; "same" has ceil(length / stride) places, the odd cell of padding at the end.

    Raises: ValueError where a valid window is longer than the axis.

    >>> window(5, 3, 2, "valid"), window(5, 3, 2, "same")
    (Window(length=5, size=3, stride=2, before=0, outputs=2), Window(length=5, size=3, stride=2, before=1, outputs=3))
    """
    if padding == "valid":
        if size > length:
            raise ValueError(f"a window of {size} does not fit in {length}; pass padding='same' or larger images")
        return Window(length, size, stride, 0, (length - size) // stride + 1)
    outputs = -(-length // stride)
    return Window(length, size, stride, max(0, (outputs - 1) * stride + size - length) // 2, outputs)


def whole(length: int) -> Window:
    """The window that is the whole axis, with its one place."""
    return Window(length, length, 1, 0, 1)


def places(rows: Window, columns: Window) -> Iterator[tuple[tuple[int, int], Slices, Slices]]:
    """For every entry (a, b) of a window: the cells of images (N, height, width, ...) under it, and the places they belong to."""
    for a in range(rows.size):
        row_cells, row_places = rows.overlap(a)
        for b in range(columns.size):
            column_cells, column_places = columns.overlap(b)
            yield (a, b), (slice(None), row_cells, column_cells), (slice(None), row_places, column_places)


def read_padding(padding: Any) -> None:
    """Raise ValueError unless padding is "valid" or "same"."""
    choose("padding", padding, PADDINGS)


def pair(name: str, value: Any) -> tuple[int, int]:
    """Height and width from one whole number of at least 1, or from two; ValueError for anything else.

    >>> pair("strides", 2), pair("strides", (1, 2))
    ((2, 2), (1, 2))
    """
    both = (value, value) if isinstance(value, int | np.integer) else value
    if (
        not isinstance(both, tuple | list)
        or len(both) != 2
        or not all(isinstance(n, int | np.integer) and n >= 1 for n in both)
    ):
        raise ValueError(f"{name} must be a whole number of at least 1, or two, (height, width), got {value!r:.80}")
    return int(both[0]), int(both[1])
