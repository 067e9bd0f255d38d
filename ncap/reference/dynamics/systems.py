"""What moves a node of a network (Eq. 1): its own dynamics, and what one link does to its receiver."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ncap.reference.arguments import positive

States = NDArray[np.float64]


@dataclass(frozen=True)
class Dynamics:
    """The two functions of Eq. 1: f, what a node does by itself, and h, what one link does to its receiver.

    Args:
        name: what messages and legends call it.
        f: states (m,) to rates (m,), of a node alone.
        h: states (m,) of the receivers and (m,) of the senders to rates (m,), of a link of weight 1.
        source: where the equations are from.

    Raises: TypeError for a name or source that is not text, or an f or h that cannot be called.

    >>> decay = Dynamics("diffusion", f=lambda x: 0 * x, h=lambda x_i, x_j: x_j - x_i)
    >>> decay.h(np.array([1.0]), np.array([3.0])).tolist()
    [2.0]
    """

    name: str
    f: Callable[[States], States]
    h: Callable[[States, States], States]
    source: str = ""

    def __post_init__(self) -> None:
        """Check what was passed."""
        for word in ("name", "source"):
            if not isinstance(getattr(self, word), str):
                raise TypeError(f"{word} must be a string, got {getattr(self, word)!r:.80}")
        for function in ("f", "h"):
            if not callable(getattr(self, function)):
                raise TypeError(
                    f"{function} must be a function of arrays of states, got {getattr(self, function)!r:.80}"
                )


def mutualistic(
    B: float = 0.1, C: float = 1.0, D: float = 5.0, E: float = 0.9, H: float = 0.1, K: float = 5.0
) -> Dynamics:
    """Abundances of species that help one another.

        f(x) = B + x (1 - x / K) (x / C - 1),   h(x_i, x_j) = x_i x_j / (D + E x_i + H x_j)

    Immigration B, logistic growth with capacity K, the Allee effect below C, and a help that saturates. For states and
    weights of at least 0.

    Args:
        B: at least 0. C, D, K: above 0. E, H: at least 0.

    Raises: ValueError for a parameter outside its range.
    Source: Gao, Barzel and Barabasi, Nature 530, 307 (2016), with their parameters.

    >>> mutualistic().f(np.array([0.0, 1.0, 5.0])).tolist()     # at C and at K immigration alone is left
    [0.1, 0.1, 0.1]
    """
    B, E, H = (_at_least_0(name, value) for name, value in (("B", B), ("E", E), ("H", H)))
    C, D, K = (positive(name, value) for name, value in (("C", C), ("D", D), ("K", K)))
    return Dynamics(
        "mutualistic",
        lambda x: B + x * (1 - x / K) * (x / C - 1),
        lambda x_i, x_j: x_i * x_j / (D + E * x_i + H * x_j),
        "Gao, Barzel and Barabasi, Nature 530, 307 (2016)",
    )


def epidemic(B: float = 1.0) -> Dynamics:
    """Probabilities of being infected: susceptible, infected, susceptible again (SIS), one equation per node.

        f(x) = -B x,   h(x_i, x_j) = (1 - x_i) x_j

    Recovery at rate B; a link of weight w infects at rate w. For states in 0..1 and weights of at least 0. In a strongly
    connected network an infection lasts if the spectral radius of P exceeds B, else it dies out; in the reduction it lasts
    if beta_eff exceeds B, at x_eff = 1 - B / beta_eff.

    Args:
        B: above 0.

    Raises: ValueError for any other B.
    Source: Lajmanovich and Yorke, Math. Biosci. 28, 221 (1976); in the form of Eq. 1 Barzel and Barabasi, Nature Physics 9,
    673 (2013).

    >>> epidemic(B=2.0).f(np.array([0.5])).tolist(), epidemic().h(np.array([0.5]), np.array([0.5])).tolist()
    ([-1.0], [0.25])
    """
    B = positive("B", B)
    return Dynamics(
        "epidemic",
        lambda x: -B * x,
        lambda x_i, x_j: (1 - x_i) * x_j,
        "Lajmanovich and Yorke, Math. Biosci. 28, 221 (1976); Barzel and Barabasi, Nature Physics 9, 673 (2013)",
    )


def regulatory(B: float = 1.0, f: float = 1.0, h: float = 2.0) -> Dynamics:
    """Activities of genes that activate one another, by Michaelis and Menten's law.

        f(x) = -B x^f,   h(x_i, x_j) = x_j^h / (x_j^h + 1)

    Degradation (f = 1) or dimerisation (f = 2) at rate B; cooperation of order h. For states and weights of at least
    0. With f = B = 1, h = 2 the reduction rests at 0 and, from beta_eff = 2 on, also at (beta_eff + sqrt(beta_eff^2 - 4)) / 2.

    Args:
        B, f, h: above 0.

    Raises: ValueError for any other value.
    Source: Gao, Barzel and Barabasi, Nature 530, 307 (2016), with their parameters.

    >>> regulatory().h(np.array([7.0]), np.array([1.0])).tolist()     # the receiver's own state does not matter
    [0.5]
    """
    B, of_f, of_h = (positive(name, value) for name, value in (("B", B), ("f", f), ("h", h)))
    return Dynamics(
        "regulatory",
        lambda x: -B * x**of_f,
        lambda x_i, x_j: x_j**of_h / (x_j**of_h + 1),
        "Gao, Barzel and Barabasi, Nature 530, 307 (2016)",
    )


def _at_least_0(name: str, value: Any) -> float:
    if not isinstance(value, Real) or not isfinite(value) or value < 0:
        raise ValueError(f"{name} must be a finite number of at least 0, got {value!r:.80}")
    return float(value)
