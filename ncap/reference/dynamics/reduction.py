"""Eq. 1 and its one-dimensional reduction, side by side: the full system, the reduced one, and how far they part.

    full     dx_i/dt = f(x_i) + sum_j P_ij h(x_i, x_j)
    reduced  dx_eff/dt = f(x_eff) + beta_eff h(x_eff, x_eff),   x_eff = L_P(x)

The row of P receives, the column sends. The reduction replaces L_P(f(x)) by f(L_P(x)), what node i
receives by delta_in(i) h(x_i, x_eff), and the average of that by beta_eff h(x_eff, x_eff). All three are exact while all
nodes are in one state, and nodes that start in one stay in one where all in-degrees are equal, whatever the out-degrees and
the signs. Everywhere else it is an approximation, whose error reduction_error measures. What is known of its limits:

1. Dispersion. The error grows with the spread of the states over the nodes, which broad degrees cause (Kundu, Kori and
   Masuda, arXiv:2110.07140, 2021; Phys. Rev. E 105, 024305, 2022). A star of n leaves has beta_eff = (n + 1) / 2, while its
   epidemic dies out as soon as B exceeds sqrt(n).
2. Degree correlation. beta_eff knows the two degrees of every node and not who is linked to whom, so that all wirings of
   the same degrees have one reduction; Gao, Barzel and Barabasi assume one without degree correlation.
3. Signs. With weights of both signs L_P is no average: it can leave the range of the states, beta_eff has a pole where the
   weights add up to 0, and states can leave the range that f and h are meant for. Some such networks are reduced well all
   the same, and the assumptions above are neither necessary nor sufficient (Tu, Grilli, Schuessler and Suweis,
   arXiv:1606.09630, 2016; Phys. Rev. E 95, 062307, 2017).
4. Thresholds. Where a stable state is about to end, or near the boundary between two, small differences decide which
   state a node reaches: nodes of degrees 1.9 and 2.1 under regulatory() are on either side of it, while beta_eff is 2.005.
"""

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp

from ncap.reference.arguments import choose, finite, relative_tolerance
from ncap.reference.dynamics.systems import Dynamics, States
from ncap.reference.network.links import Links, Network, as_links, receivers
from ncap.reference.network.resilience import beta_eff, network_average
from ncap.reference.verdict import ratio

METHODS = ("RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA")
ATOL_OF_RTOL = 1e-3  # states that decay to 0 are followed to a thousandth of what is allowed to those of size 1


def simulate(
    P: Network, dynamics: Dynamics, x_0: ArrayLike, times: ArrayLike, rtol: float = 1e-8, method: str = "DOP853"
) -> States:
    """States of the full system over time (Eq. 1), by scipy's solve_ivp.

        dx_i/dt = f(x_i) + sum_j P_ij h(x_i, x_j)

    h is evaluated on the links alone: one right-hand side takes O(links) time and memory. The implicit methods ("Radau",
    "BDF", "LSODA" where it is stiff) form a Jacobian (n, n).

    Args:
        P: (n, n), dense, scipy.sparse or a networkx graph, of finite real weights; P[i, j] is the link j -> i.
        dynamics: mutualistic(), epidemic(), regulatory() or any Dynamics.
        x_0: (n,), the states at times[0], or one number for all nodes. times: (T,), ascending, at least two.
        rtol: relative tolerance of a step; the absolute one is rtol / 1000. method: one of solve_ivp's names.

    Returns: (n, T).

    Raises: TypeError or ValueError for bad arguments; ArithmeticError where the solution cannot be followed to the end.

    >>> from ncap.reference import epidemic
    >>> x = simulate([[0, 1], [1, 0]], epidemic(B=0.5), 0.1, [0, 50])     # two that infect each other: 1 - B / 1
    >>> x[:, -1].round(6).tolist()
    [0.5, 0.5]
    """
    links, x_0, times = _start(P, dynamics, x_0, times)
    to = receivers(links)

    def rate(_: float, x: States) -> States:
        sent = links.data * dynamics.h(x[to], x[links.indices])
        return np.asarray(dynamics.f(x) + np.bincount(to, weights=sent, minlength=len(x)))

    return _solve(f"the full system, {dynamics.name},", rate, x_0, times, rtol, method)


def simulate_reduced(
    P: Network, dynamics: Dynamics, x_0: ArrayLike, times: ArrayLike, rtol: float = 1e-8, method: str = "DOP853"
) -> States:
    """State of the one-dimensional reduction over time, from x_eff = L_P(x_0) (Eq. 1, Eq. 2).

        dx_eff/dt = f(x_eff) + beta_eff h(x_eff, x_eff)

    One node with a link to itself of weight beta is a network of beta_eff = beta: simulate_reduced([[beta]], dynamics, ...)
    draws the resilience function of a dynamics, without a network.

    Args:
        P, dynamics, x_0, times, rtol, method: as for simulate.

    Returns: (T,).

    Raises: as simulate, and ValueError for weights that add up to 0, over which nothing can be averaged.

    >>> from ncap.reference import regulatory
    >>> x_eff = simulate_reduced([[4.0]], regulatory(), [2.0], [0, 50])     # (4 + sqrt(12)) / 2
    >>> float(x_eff[-1].round(6))
    3.732051
    """
    links, x_0, times = _start(P, dynamics, x_0, times)
    if not links.sum():
        raise ValueError(
            "P has no links, or its weights add up to 0, so that it has no average and no reduction; pass a network with links"
        )
    beta = beta_eff(links)

    def rate(_: float, x: States) -> States:
        return np.asarray(dynamics.f(x) + beta * dynamics.h(x, x))

    x_eff = np.atleast_1d(network_average(links, x_0))
    return _solve(
        f"the reduction, {dynamics.name} with beta_eff = {beta:.6g},", rate, x_eff, times, rtol, method
    ).ravel()


def reduction_error(
    P: Network, dynamics: Dynamics, x_0: ArrayLike, times: ArrayLike, rtol: float = 1e-8, method: str = "DOP853"
) -> States:
    """Relative error of the reduction over time, against the full system.

        error(t) = |x_eff(t) - L_P(x(t))| / |L_P(x(t))|

    Both start at L_P(x_0), so it is 0 at first. The solutions hold to within rtol, so an error of a few rtol is rounding.

    Args:
        P, dynamics, x_0, times, rtol, method: as for simulate.

    Returns: (T,); 0 where both are 0, infinity where only the full system is 0.

    Raises: as simulate_reduced.

    >>> from ncap.reference import mutualistic
    >>> ring = np.roll(np.eye(5), 1, axis=0) + np.roll(np.eye(5), 2, axis=0)     # all in-degrees 2, one state: exact
    >>> bool(reduction_error(ring, mutualistic(), 2.0, [0, 1, 10]).max() < 1e-6)
    True
    """
    full = network_average(P, simulate(P, dynamics, x_0, times, rtol, method))
    reduced = simulate_reduced(P, dynamics, x_0, times, rtol, method)
    return np.array([ratio(difference, size) for difference, size in zip(abs(reduced - full), abs(full), strict=True)])


def _start(P: Network, dynamics: Dynamics, x_0: Any, times: Any) -> tuple[Links, States, States]:
    links = as_links(P)
    n = links.shape[0]
    if not n:
        raise ValueError("P has no nodes; pass a network of at least one")
    if not isinstance(dynamics, Dynamics):
        raise TypeError(
            f"dynamics must be an ncap.reference.Dynamics, got {dynamics!r:.80}; call mutualistic(), epidemic() or regulatory()"
        )
    states = finite("x_0", np.full(n, x_0) if isinstance(x_0, Real) else x_0)
    if states.shape != (n,):
        raise ValueError(f"x_0 must be one number, or have shape (n,) with n = {n}, the nodes of P; got {states.shape}")
    instants = finite("times", times)
    if instants.ndim != 1 or len(instants) < 2 or (np.diff(instants) <= 0).any():
        raise ValueError(f"times must be at least two ascending numbers, got {times!r:.80}")
    with np.errstate(all="ignore"):  # their shapes alone are looked at here
        f, h = dynamics.f(states[:1]), dynamics.h(states[:1], states[:1])
    for name, rates in (("f", f), ("h", h)):
        if np.shape(rates) != (1,):
            raise ValueError(
                f"{name} of dynamics must return an array of its argument's shape, (1,) here, got {rates!r:.80}"
            )
    return links, states, instants


def _solve(what: str, rate: Callable[[float, Any], Any], x_0: States, times: States, rtol: Any, method: Any) -> States:
    choose("method", method, METHODS)
    rtol = relative_tolerance(rtol)
    with np.errstate(all="ignore"):  # a step that goes too far is taken back; what stays wrong is said below
        if not np.isfinite(rate(times[0], x_0)).all():
            raise ArithmeticError(f"{what} has no finite rate at its start; look at f and h of x_0")
        solution = solve_ivp(
            rate,
            (float(times[0]), float(times[-1])),
            x_0,
            method=method,
            t_eval=times,
            rtol=rtol,
            atol=ATOL_OF_RTOL * rtol,
        )
    if not solution.success or not np.isfinite(solution.y).all():
        reached = solution.t[-1] if len(solution.t) else times[0]
        raise ArithmeticError(
            f"{what} could not be followed beyond t = {reached:.6g}: {solution.message} (a) the states grow without bound; "
            "(b) they left the range of f and h, as signed weights make them; (c) it is stiff: pass method='LSODA'"
        )
    return np.asarray(solution.y)
