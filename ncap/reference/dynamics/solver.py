"""Neurons and weights in time, by scipy's explicit solvers."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp

from ncap.reference.arguments import Array, choose, finite, relative_tolerance

Derivative = Callable[[float, Array], Array]
# Explicit ones: an implicit method spends n_E evaluations on each Jacobian, which jumps at every kink of a relu.
METHODS = ("RK23", "RK45", "DOP853")
ATOL_OF_RTOL = 1e-3  # near 0, what a state of size 0.001 would get
MAX_NUMBERS = 200_000_000  # 1.6 GB of states


def solve(derivative: Derivative, start: Array, times: ArrayLike, rtol: Any, method: Any) -> tuple[Array, Array]:
    """The times as they were read, and the states (T, n) at them."""
    moments = read_times(times, len(start))
    choose("method", method, METHODS)
    rtol = relative_tolerance(rtol)
    if len(moments) == 1:  # the start alone, which scipy would answer with nothing
        return moments, start[None]
    with np.errstate(over="ignore", invalid="ignore"):  # what stays wrong is said below
        solution = solve_ivp(
            derivative, (0.0, moments[-1]), start, method, moments, rtol=rtol, atol=ATOL_OF_RTOL * rtol
        )
    if not solution.success:
        raise ArithmeticError(f"{method} stopped at t = {solution.t[-1]:.6g}: {solution.message}")
    return moments, solution.y.T


def read_times(times: ArrayLike, numbers: int) -> Array:
    """Times (T,) that increase from 0, few enough for states of so many numbers each."""
    moments = finite("times", times)
    if moments.ndim != 1 or not len(moments) or moments[0] != 0 or (np.diff(moments) <= 0).any():
        raise ValueError(f"times must be a list of numbers that increase from 0, the start, got {times!r:.80}")
    check_room("times", len(moments), numbers)
    return moments


def check_room(name: str, moments: int, numbers: int) -> None:
    """Raise ValueError where so many states of so many numbers would not fit in memory."""
    if moments * numbers > MAX_NUMBERS:
        raise ValueError(
            f"{name} would give {moments:,} states of {numbers:,} numbers each, more than {MAX_NUMBERS:,} in all; "
            f"pass fewer {name}, and continue from the last state"
        )
