"""The inner loop of resizing, compiled, and outside Python's lock, so that several threads resize at once."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


class Taps(NamedTuple):
    """For every output place along an axis, the two inputs that it lies between, and the share of the second."""

    low: np.ndarray
    high: np.ndarray
    share: np.ndarray


def _compiled(function: Kernel) -> Kernel:
    """Compile on the first call: cached on disk, strict IEEE arithmetic, without Python's lock."""
    try:
        return cast(Kernel, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:  # no folder that a cache could be written to, as in a read-only container
        return cast(Kernel, numba.njit(nogil=True)(function))


def interpolate(x: np.ndarray, rows: Taps, columns: Taps, out: np.ndarray) -> None:
    """Linear interpolation along the rows, then along the columns, in float64, rounded once.

    x: (n, h, w, c) of any number type; out: float32 (n, len(rows.low), len(columns.low), c), contiguous, is filled.

    >>> half, out = Taps(np.array([0]), np.array([1]), np.array([0.5])), np.empty((1, 1, 1, 1), np.float32)
    >>> interpolate(np.array([[0, 2], [4, 6]], np.uint8).reshape(1, 2, 2, 1), half, half, out)
    >>> out.ravel()
    array([3.], dtype=float32)
    """
    n, height, width, channels = x.shape
    flat = np.ascontiguousarray(x).reshape(n, height, width * channels)
    every = np.arange(channels)
    low, high = (_unsigned((each[:, np.newaxis] * channels + every).ravel()) for each in (columns.low, columns.high))
    share = np.repeat(columns.share, channels)
    _interpolate(
        flat, _unsigned(rows.low), _unsigned(rows.high), rows.share, low, high, share, out.reshape(n, len(rows.low), -1)
    )


def _unsigned(places: np.ndarray) -> np.ndarray:
    """Indices of a type that needs no check for being negative."""
    return places.astype(np.uintp)


@_compiled
def _interpolate(x, row, next_row, row_share, column, next_column, column_share, out):
    line = np.empty(x.shape[2], np.float64)
    left, right = np.empty(len(column), np.float64), np.empty(len(column), np.float64)
    for n in range(x.shape[0]):
        for i in range(len(row)):
            above, below, share, to = x[n, row[i]], x[n, next_row[i]], row_share[i], out[n, i]
            for j in range(len(line)):
                start = np.float64(above[j])
                line[j] = start + (np.float64(below[j]) - start) * share
            for j in range(len(column)):  # gathered first, so that the arithmetic runs on vectors
                left[j], right[j] = line[column[j]], line[next_column[j]]
            for j in range(len(column)):
                to[j] = left[j] + (right[j] - left[j]) * column_share[j]
