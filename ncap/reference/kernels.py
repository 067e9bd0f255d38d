"""The numba policy, in one decorator, and the loops that matrix products cannot express.

Why numba at all: gating, row sums and absolute values fused in one sweep keep the closed form within a small multiple of
its own matrix products, without temporaries of the size of the data. Why these options: the compiled code is cached on
disk, so that only the first run after installation pays for compilation; `fastmath` is off, because it may reorder sums
and ignore NaN, and an oracle may not. `for_dtype` gives the Python source of a kernel, which runs on object arrays: one
definition serves float64 and exact fractions.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

from ncap.reference.arguments import Array

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(function: Kernel) -> Kernel:
    """Compile a kernel on its first call (nopython, cached on disk, strict IEEE arithmetic)."""
    try:
        return cast(Kernel, numba.njit(cache=True, error_model="numpy")(function))
    except RuntimeError:  # no folder that a cache could be written to, as in a read-only container
        return cast(Kernel, numba.njit(error_model="numpy")(function))


def for_dtype(kernel: Kernel, array: Array) -> Kernel:
    """The kernel itself for floats, its Python source for object arrays (fractions)."""
    return cast(Kernel, kernel.py_func) if array.dtype == object else kernel  # type: ignore[attr-defined]


@compiled
def row_sums(a: Array, magnitude: bool) -> Array:
    """r[n] = sum_i a[n, i], or sum_i |a[n, i]|."""
    out = np.empty(a.shape[0], a.dtype)
    for n in range(a.shape[0]):
        total = a[n, 0] - a[n, 0]  # zero of the element's own type
        for i in range(a.shape[1]):
            total += abs(a[n, i]) if magnitude else a[n, i]
        out[n] = total
    return out


@compiled
def scaled_rows(a: Array, r: Array, magnitude: bool) -> Array:
    """b[n, i] = a[n, i] r[n], or |a[n, i]| r[n]."""
    out = np.empty_like(a)
    for n in range(a.shape[0]):
        for i in range(a.shape[1]):
            out[n, i] = (abs(a[n, i]) if magnitude else a[n, i]) * r[n]
    return out


@compiled
def row_dots(a: Array, b: Array, magnitude: bool) -> Array:
    """d[n] = sum_i a[n, i] b[n, i], or with |b[n, i]|."""
    out = np.empty(a.shape[0], a.dtype)
    for n in range(a.shape[0]):
        total = a[n, 0] - a[n, 0]
        for i in range(a.shape[1]):
            total += a[n, i] * (abs(b[n, i]) if magnitude else b[n, i])
        out[n] = total
    return out
