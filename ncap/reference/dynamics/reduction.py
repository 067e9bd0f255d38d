"""Eq. 1 and its one-dimensional reduction, side by side: the full system, the reduced one, and how far they part.

    full     dx_i/dt = f(x_i) + sum_j P_ij h(x_i, x_j)
    reduced  dx_eff/dt = f(x_eff) + beta_eff h(x_eff, x_eff),   x_eff = L_P(x)                  by the degrees (Eq. 2)
             dR/dt = f(R) + alpha h(beta R, R),                 R = <a, x>, a'P = alpha a'      by the dominant eigenvector

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
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ncap.reference.arguments import choose, finite
from ncap.reference.dynamics.network_solver import METHODS, LinkRates, solve, solve_network
from ncap.reference.dynamics.systems import Dynamics, States
from ncap.reference.network.links import Links, Network, as_links
from ncap.reference.network.resilience import beta_eff, network_average
from ncap.reference.network.spectral import spectral_reduction
from ncap.reference.verdict import ratio

REDUCTIONS = ("degree", "spectral")


def simulate(
    P: Network,
    dynamics: Dynamics,
    x_0: ArrayLike,
    times: ArrayLike,
    rtol: float = 1e-8,
    method: str = "auto",
    weight: str | None = "weight",
    progress: bool = True,
) -> States:
    """States of the full system over time (Eq. 1), by scipy's solve_ivp.

        dx_i/dt = f(x_i) + sum_j P_ij h(x_i, x_j)

    h is evaluated on the links alone: one right-hand side takes O(links) time and memory. Of up to 1,000 nodes the implicit methods
    ("Radau", "BDF", "LSODA" where it is stiff) form the Jacobian (n, n), of more its diagonal alone.

    Args:
        P: (n, n), dense, scipy.sparse or a networkx graph, of finite real weights; P[i, j] is the link j -> i.
        dynamics: mutualistic(), epidemic(), regulatory() or any Dynamics.
        x_0: (n,), the states at times[0], or one number for all nodes. times: (T,), ascending, at least two.
        rtol: relative tolerance of a step; the absolute one is rtol / 1000.
        method: "auto", which is "DOP853" up to 1,000 nodes and "BDF" beyond; or one of solve_ivp's names.
        weight: the attribute of a networkx graph's edges that holds their weights; None to count every edge as 1.
        progress: whether what takes longer than ten seconds says on stderr how far it is.

    Returns: (n, T).

    Raises: TypeError or ValueError for bad arguments; ArithmeticError where the solution cannot be followed to the end.

    >>> from ncap.reference import epidemic
    >>> x = simulate([[0, 1], [1, 0]], epidemic(B=0.5), 0.1, [0, 50])     # two that infect each other: 1 - B / 1
    >>> x[:, -1].round(6).tolist()
    [0.5, 0.5]
    """
    links, x_0, times = _start(P, dynamics, x_0, times, weight)
    return solve_network(LinkRates(links, dynamics), x_0, times, rtol, method, progress)


def simulate_reduced(
    P: Network,
    dynamics: Dynamics,
    x_0: ArrayLike,
    times: ArrayLike,
    rtol: float = 1e-8,
    method: str = "auto",
    weight: str | None = "weight",
    reduction: str = "degree",
) -> States:
    """State of a one-dimensional reduction over time: x_eff from L_P(x_0) on (Eq. 1, Eq. 2), or R from <a, x_0>.

        "degree"    dx_eff/dt = f(x_eff) + beta_eff h(x_eff, x_eff)
        "spectral"  dR/dt = f(R) + alpha h(beta R, R),   alpha, beta and a of spectral_reduction(P)

    One node with a link to itself of weight beta is a network of beta_eff = beta: simulate_reduced([[beta]], dynamics, ...)
    draws the resilience function of a dynamics, without a network.

    Args:
        P, dynamics, x_0, times, rtol, method, weight: as for simulate.
        reduction: "degree" or "spectral", of which reduction_error says where each is better.

    Returns: (T,).

    Raises: as simulate; ValueError for weights that add up to 0, over which nothing can be averaged, or that spectral_reduction refuses.

    >>> from ncap.reference import regulatory
    >>> x_eff = simulate_reduced([[4.0]], regulatory(), [2.0], [0, 50])     # (4 + sqrt(12)) / 2
    >>> float(x_eff[-1].round(6))
    3.732051
    """
    links, x_0, times = _start(P, dynamics, x_0, times, weight)
    return _simulate_reduced(_reduced(links, reduction), dynamics, x_0, times, rtol, method)


def reduction_error(
    P: Network,
    dynamics: Dynamics,
    x_0: ArrayLike,
    times: ArrayLike,
    rtol: float = 1e-8,
    method: str = "auto",
    weight: str | None = "weight",
    progress: bool = True,
    reduction: str = "degree",
) -> States:
    """Relative error of a reduction over time, against the same average of the full system.

        error(t) = |x_eff(t) - L_P(x(t))| / |L_P(x(t))|,   or with R and <a, x> for reduction="spectral"

    Both start at the same average of x_0, so it is 0 at first. The solutions hold to within rtol, so an error of a few rtol is rounding.

    Cost: nearly all of it is the full system. A hub comes to rest the faster the more links it has, and forces short steps on an
    explicit method. Mutualistic, from 10 until t = 20, on networks of Barabasi and Albert with ten links to a node: with 10^4 nodes
    "DOP853" takes 13,944 evaluations and "BDF" 648. With 10^5 nodes, where the largest hub has 1,141 links, "DOP853" would take some
    34,000, minutes of work; "BDF" takes 752, 7 s on one core.

    Which reduction is better depends on where the system comes to rest. The errors there, in percent, on eight real mutualistic
    networks, from the smallest to the largest, each reduction being compared with its own average:

                                                   degree          spectral
        mutualistic(), from 10                     1.3 to 9.6      2.3 to 15.3
        regulatory(), from 10                      0.8 to 5.4      0.8 to 5.4
        epidemic(B=1), far above the threshold     1.6 to 9.2      6.1 to 36.6
        epidemic(B=alpha / 2)                      5.6 to 45       2.4 to 17.2
        epidemic(B=0.9 alpha), just above it       4.8 to 103      0.0 to 4.9

    The threshold of an epidemic is alpha itself. So the spectral reduction is better close to a threshold, where a small perturbation
    either grows or dies out: for mutualists that start from nothing on the network anemone_fish_B it is 5 % off, while the reduction by
    degrees comes to rest in the wrong state. Where most nodes are saturated, the reduction by degrees is better.

    Args:
        P, dynamics, x_0, times, rtol, method, weight, progress: as for simulate. reduction: "degree" or "spectral".

    Returns: (T,); 0 where both are 0, infinity where only the full system is 0.

    Raises: as simulate_reduced.

    >>> from ncap.reference import mutualistic
    >>> ring = np.roll(np.eye(5), 1, axis=0) + np.roll(np.eye(5), 2, axis=0)     # all in-degrees 2, one state: exact
    >>> bool(reduction_error(ring, mutualistic(), 2.0, [0, 1, 10]).max() < 1e-6)
    True
    """
    links, x_0, times = _start(P, dynamics, x_0, times, weight)
    equation = _reduced(links, reduction)  # what cannot be reduced is said before hours are spent on the full system
    reduced = _simulate_reduced(equation, dynamics, x_0, times, rtol, method)
    full = equation.average(solve_network(LinkRates(links, dynamics), x_0, times, rtol, method, progress))
    return np.array([ratio(difference, size) for difference, size in zip(abs(reduced - full), abs(full), strict=True)])


class _Reduced(NamedTuple):
    """du/dt = f(u) + strength h(receiver u, u) for the average u of the states."""

    strength: float
    receiver: float
    average: Callable[[States], Any]
    name: str


def _reduced(links: Links, reduction: Any) -> _Reduced:
    choose("reduction", reduction, REDUCTIONS)
    if reduction == "spectral":
        alpha, beta, a = spectral_reduction(links)
        return _Reduced(alpha, beta, lambda x: a @ x, f"alpha = {alpha:.6g}")
    if not links.sum():
        raise ValueError(
            "P has no links, or its weights add up to 0, so that it has no average and no reduction; pass a network with links"
        )
    strength = beta_eff(links)
    return _Reduced(strength, 1.0, lambda x: network_average(links, x), f"beta_eff = {strength:.6g}")


def _simulate_reduced(
    equation: _Reduced, dynamics: Dynamics, x_0: States, times: States, rtol: Any, method: Any
) -> States:
    choose("method", method, METHODS)
    what = f"the reduction, {dynamics.name} with {equation.name},"

    def rate(_: float, x: States) -> States:
        return np.asarray(dynamics.f(x) + equation.strength * dynamics.h(equation.receiver * x, x))

    options = {"method": "DOP853" if method == "auto" else method}
    return solve(what, rate, np.atleast_1d(equation.average(x_0)), times, rtol, False, options).ravel()


def _start(P: Network, dynamics: Dynamics, x_0: Any, times: Any, weight: str | None) -> tuple[Links, States, States]:
    links = as_links(P, weight)
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
    _check_functions(dynamics, states)
    return links, states, instants


def _check_functions(dynamics: Dynamics, states: States) -> None:
    """Raise where f or h does not take arrays of states, entry by entry; two states tell them from single numbers."""
    two = np.resize(states, 2)
    for name, arguments in (("f", (two,)), ("h", (two, two))):
        try:
            with np.errstate(all="ignore"):  # their shapes alone are looked at here
                rates = getattr(dynamics, name)(*arguments)
        except Exception as error:
            raise TypeError(
                f"{name} of dynamics must take arrays of states, and on one it raised {type(error).__name__}: {error!s:.120}; "
                "write it with numpy, np.sin for math.sin and np.where(x > 1, a, b) for a if x > 1 else b"
            ) from error
        if np.shape(rates) != (2,):
            raise ValueError(
                f"{name} of dynamics must return an array of its argument's shape, (2,) here, got {rates!r:.80}"
            )
