"""Labels as ncap passes them: int64 of shape (n,), the classes 0..C-1."""

import numpy as np
from numpy.typing import ArrayLike

from ncap.arguments import as_array

_REMEDY = "number the classes first: y = np.unique(y, return_inverse=True)[1]"


def as_labels(y: ArrayLike, name: str) -> np.ndarray:
    """The labels y as int64 (n,); a column (n, 1) is flattened.

    y: integers >= 0; `name` is what errors call them. Raises ValueError for strings, floats, one-hot rows and negative numbers.

    >>> as_labels(np.array([[2], [0]], np.uint8), "y")
    array([2, 0])
    """
    given, y = y, as_array(name, y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2:
        raise ValueError(
            f"{name}: labels must have shape (n,), got {y.shape}; if they are one-hot: y = y.argmax(axis=1)"
        )
    if y.ndim != 1 or not y.size:
        got = y.shape if y.ndim else f"{given!r:.80}"
        raise ValueError(f"{name}: labels must have shape (n,), n at least 1, got {got}")
    if y.dtype.kind not in "ui":
        raise ValueError(f"{name}: labels must be the integers 0..C-1, got dtype {y.dtype}; {_REMEDY}")
    if (outside := y[(y < 0) | (y > np.iinfo(np.int64).max)]).size:
        raise ValueError(f"{name}: labels must be the integers 0..C-1, got {outside[0]}; {_REMEDY}")
    return y.astype(np.int64)


def count_classes(y: np.ndarray, name: str) -> int:
    """The number C >= 2 of classes of the training labels y, in which each of 0..C-1 occurs.

    Raises ValueError when a number below the largest is missing, or when there is only one class.

    >>> count_classes(np.array([1, 0, 2, 1]), "y")
    3
    """
    present = np.unique(y)
    if not np.array_equal(present, np.arange(present.size)):
        missing = int(np.setdiff1d(np.arange(present.size), present)[0])
        raise ValueError(
            f"{name}: labels must be 0..C-1 with every class present, but class {missing} has no sample while the "
            f"largest label is {present.max()}; {_REMEDY}"
        )
    if present.size < 2:
        raise ValueError(f"{name}: at least two classes are needed, got {present.size}")
    return int(present.size)
