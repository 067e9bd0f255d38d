"""Checks of the oracle's arguments: keywords, lists of arrays, arrays of finite real numbers, single numbers."""

from math import isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def choose(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Raise ValueError unless a keyword has one of its allowed values."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r:.80}")


def array_list(name: str, values: Any, of: str = "arrays, one per layer") -> list[Any]:
    """The entries of a list; TypeError for anything that is not one."""
    try:
        return list(values)
    except TypeError:
        raise TypeError(f"{name} must be a list of {of}, got {values!r:.80}") from None


def as_array(name: str, value: Any) -> NDArray[Any]:
    """The value as a numpy array; ValueError where numpy cannot make one of it."""
    if np.ma.is_masked(value):
        raise ValueError(
            f"{name} is a masked array, and what its mask hides would be read; pass {name}.filled(number) or leave rows out"
        )
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:  # a ragged list, a tensor on another device
        raise ValueError(f"{name} must be one array of real numbers: {error}") from None


def real_array(name: str, value: object) -> NDArray[Any]:
    """An array of real numbers, objects (fractions) included; ValueError for text, dates, complex numbers, ragged lists."""
    array = as_array(name, value)
    if array.dtype.kind not in "biufO" or (array.dtype == object and not array.ndim):
        raise ValueError(f"{name} must be an array of real numbers, got {described(value, array)}")
    return array


def finite(name: str, value: ArrayLike | None) -> NDArray[Any]:
    """The value as contiguous float64; ValueError unless it is an array of finite real numbers."""
    given = real_array(name, value)
    try:
        array = np.ascontiguousarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:  # an object that is not a number
        raise ValueError(f"{name} must be an array of real numbers: {error}") from None
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity; pass finite numbers")
    return array


def whole_number(name: str, value: Any, least: int = 0) -> int:
    """The value as an int; ValueError unless it is a whole number of at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r:.80}")
    return int(value)


def positive(name: str, value: Any) -> float:
    """The value as a float; ValueError unless it is a finite number above 0."""
    if not isinstance(value, Real) or not isfinite(value) or value <= 0:
        raise ValueError(f"{name} must be a finite number above 0, got {value!r:.80}")
    return float(value)


def relative_tolerance(rtol: Any) -> float:
    """The relative tolerance of a solver as a float; ValueError outside the range that float64 supports."""
    if not isinstance(rtol, Real) or not 1e-13 <= float(rtol) < 1:
        raise ValueError(f"rtol must lie in 1e-13..1, got {rtol!r:.80}")
    return float(rtol)


def described(value: object, array: NDArray[Any]) -> str:
    """Shape and dtype of what was given where it is an array, else the value itself."""
    return f"{array.shape} of dtype {array.dtype}" if array.ndim else f"{value!r:.80}"
