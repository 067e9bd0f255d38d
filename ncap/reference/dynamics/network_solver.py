"""Eq. 1 on the links of a network, solved by scipy: its right-hand side, its Jacobian, and a sign of life."""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from scipy.integrate import solve_ivp

from ncap.reference.arguments import choose, relative_tolerance
from ncap.reference.dynamics.systems import Dynamics, States
from ncap.reference.network.links import Links, receivers

EXPLICIT, IMPLICIT = ("RK23", "RK45", "DOP853"), ("Radau", "BDF", "LSODA")
METHODS = ("auto", *EXPLICIT, *IMPLICIT)
ATOL_OF_RTOL = 1e-3  # states that decay to 0 are followed to a thousandth of what is allowed to those of size 1
WHOLE_JACOBIAN = 1_000  # nodes up to which it is formed: 8 MB, and a third of a second for its factors
STEP = np.sqrt(np.finfo(np.float64).eps)  # of a one-sided difference
SILENCE = 10.0  # seconds


class LinkRates:
    """dx_i/dt = f(x_i) + sum_j P_ij h(x_i, x_j) and its derivatives, in O(links)."""

    def __init__(self, links: Links, dynamics: Dynamics) -> None:
        self.links, self.dynamics = links, dynamics
        self.degrees = np.diff(links.indptr)
        self.received = np.flatnonzero(self.degrees)
        self.first = links.indptr[:-1][self.received]

    def rate(self, x: States) -> States:
        """The right-hand side."""
        return np.asarray(self.dynamics.f(x) + self._summed(self._sent(np.repeat(x, self.degrees), self._senders(x))))

    def diagonal(self, x: States) -> States:
        """f'(x_i) + sum_j P_ij dh/dx_i, by one-sided differences: how fast a node alone comes to rest."""
        step = STEP * np.maximum(1.0, abs(x))
        own = (self.dynamics.f(x + step) - self.dynamics.f(x)) / step
        to, senders = np.repeat(x, self.degrees), self._senders(x)
        moved = self._sent(to + np.repeat(step, self.degrees), senders) - self._sent(to, senders)
        return np.asarray(own + self._summed(moved) / step)

    def jacobian(self, x: States) -> States:
        """All of it, dense: P_ij dh/dx_j beside the diagonal."""
        step = STEP * np.maximum(1.0, abs(x))
        to, senders, steps = np.repeat(x, self.degrees), self._senders(x), step[self.links.indices]
        J = np.zeros((len(x), len(x)))
        J[receivers(self.links), self.links.indices] = (
            self._sent(to, senders + steps) - self._sent(to, senders)
        ) / steps
        J[np.diag_indices(len(x))] += self.diagonal(x)
        return J

    def _senders(self, x: States) -> States:
        return np.asarray(x[self.links.indices])

    def _sent(self, to: States, senders: States) -> States:
        return np.asarray(self.links.data * self.dynamics.h(to, senders))

    def _summed(self, sent: States) -> States:
        total = np.zeros(len(self.degrees))
        if len(self.received):
            total[self.received] = np.add.reduceat(sent, self.first)
        return total


def solve_network(rates: LinkRates, x_0: States, times: States, rtol: Any, method: Any, progress: bool) -> States:
    """States (n, T) of the full system; ArithmeticError where it cannot be followed to the end.

    An implicit method gets the whole Jacobian of a small network, and its diagonal alone of a large one. The Jacobian only speeds up
    Newton's iteration, and what it solves for does not depend on it. The hubs of a network are what makes it stiff, each coming to rest
    the faster the more links it has, and the diagonal holds that.
    """
    choose("method", method, METHODS)
    small = len(x_0) <= WHOLE_JACOBIAN
    chosen = ("DOP853" if small else "BDF") if method == "auto" else method
    options: dict[str, Any] = {"method": chosen}
    if chosen in IMPLICIT and small:
        options["jac"] = lambda _, x: rates.jacobian(x)
    elif chosen == "LSODA":
        options |= {"jac": lambda _, x: rates.diagonal(x)[None], "lband": 0, "uband": 0}
    elif chosen in IMPLICIT:
        options["jac"] = lambda _, x: sparse.diags_array(rates.diagonal(x), format="csc")
    what = f"the full system, {rates.dynamics.name},"
    return solve(what, lambda _, x: rates.rate(x), x_0, times, rtol, progress, options)


def solve(
    what: str,
    rate: Callable[[float, Any], Any],
    x_0: States,
    times: States,
    rtol: Any,
    progress: bool,
    options: dict[str, Any],
) -> States:
    """States (n, T) of any system, followed at rtol and at a thousandth of it for states near 0."""
    rtol = relative_tolerance(rtol)
    if not isinstance(progress, bool | np.bool):
        raise TypeError(f"progress must be True or False, got {progress!r:.80}")
    watched = _watched(what, rate, times) if progress else rate
    with np.errstate(all="ignore"):  # a step that goes too far is taken back; what stays wrong is said below
        if not np.isfinite(rate(times[0], x_0)).all():
            raise ArithmeticError(f"{what} has no finite rate at its start; look at f and h of x_0")
        solution = solve_ivp(
            watched,
            (float(times[0]), float(times[-1])),
            x_0,
            t_eval=times,
            rtol=rtol,
            atol=ATOL_OF_RTOL * rtol,
            **options,
        )
    if not solution.success or not np.isfinite(solution.y).all():
        reached = solution.t[-1] if len(solution.t) else times[0]
        raise ArithmeticError(
            f"{what} could not be followed beyond t = {reached:.6g}: {solution.message} (a) the states grow without bound; "
            "(b) they left the range of f and h, as signed weights make them; (c) it is stiff: pass method='LSODA'"
        )
    return np.asarray(solution.y)


def _watched(what: str, rate: Callable[[float, Any], Any], times: States) -> Callable[[float, Any], Any]:
    """The same rate, which says every ten seconds how far it is."""
    started = said = time.monotonic()
    evaluations = 0

    def watched(t: float, x: Any) -> Any:
        nonlocal said, evaluations
        evaluations += 1
        if (now := time.monotonic()) - said > SILENCE:
            said = now
            print(
                f"{what} is at t = {t:.3g} of {times[-1]:g} after {evaluations:,} evaluations and {now - started:.0f} s",
                file=sys.stderr,
                flush=True,
            )
        return rate(t, x)

    return watched
