"""Eq. 2 on any network: the effective interaction strength of its one-dimensional reduction, and what it is made of."""

from math import frexp
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from ncap.reference.arguments import finite
from ncap.reference.network import links
from ncap.reference.network.links import Network
from ncap.reference.verdict import ratio

EPS = float(np.finfo(np.float64).eps)


def beta_eff(P: Network, giant_component: bool = False, weight: str | None = "weight") -> float:
    """Effective interaction strength of a weighted directed network (Eq. 2).

        beta_eff = 1'PP1 / 1'P1 = <delta_out, delta_in> / sum(delta_in),   delta_in = P 1,   delta_out = 1'P

    The row receives, the column sends. With L_P(v) = 1'Pv / 1'P1 it is L_P(delta_in), the in-degree of the sender
    averaged over the links by their weights; for signed weights the denominator can vanish. Nodes without links change
    nothing. Time and memory are O(links).

    Args:
        P: (n, n), dense, scipy.sparse or a networkx graph, of finite real weights; ncap.reference.network says how it is read.
        giant_component: True for the largest weakly connected component alone.
        weight: the attribute of a networkx graph's edges that holds their weights; None to count every edge as 1.

    Returns: a float; 0.0 for a network without links and for 0/0, infinity with the numerator's sign for a/0.

    Raises: ValueError for anything but a square matrix or a graph of finite real weights.
    Source: Gao, Barzel and Barabasi, Nature 530, 307 (2016).

    >>> beta_eff([[0, 1, 0], [0, 0, 2], [0, 0, 0]])     # in-degrees 1, 2, 0, out-degrees 0, 1, 2: 2 / 3
    0.6666666666666666
    """
    matrix, scale = _in_range(_chosen(P, giant_component, weight))
    delta_in, delta_out = (_sums(matrix, axis) for axis in (1, 0))
    return scale * ratio(float(delta_out @ delta_in), float(delta_in.sum()))


def network_average(P: Network, v: ArrayLike, weight: str | None = "weight") -> Any:
    """Average of a quantity of the nodes, each weighted by what it sends (the operator of Eq. 1's reduction).

        L_P(v) = 1'Pv / 1'P1 = <delta_out, v> / sum(delta_out)

    The effective state of a network is x_eff = L_P(x), its effective interaction strength beta_eff = L_P(delta_in).

    Args:
        P: (n, n), as for beta_eff.
        v: (n,), or (n, T) for one average a column, as simulate returns it.
        weight: as for beta_eff.

    Returns: a float, or (T,); 0.0 for a network without links and for 0/0, infinity with the numerator's sign for a/0.

    Raises: ValueError for a bad P, or a v that does not fit it or is not finite.

    >>> network_average([[0, 1, 0], [0, 0, 3], [0, 0, 0]], [10.0, 20.0, 40.0])     # out-degrees 0, 1, 3: 140 / 4
    35.0
    """
    matrix, _ = _in_range(links.as_matrix(P, weight))
    values = finite("v", v)
    if values.ndim not in (1, 2) or len(values) != matrix.shape[0]:
        raise ValueError(
            f"v must have shape (n,) or (n, T) with n = {matrix.shape[0]}, the nodes of P; got {values.shape}"
        )
    delta_out = _sums(matrix, axis=0)
    total = float(delta_out.sum())
    if values.ndim == 1:
        return ratio(float(delta_out @ values), total)
    return np.array([ratio(float(sent), total) for sent in delta_out @ values])


class Decomposition(NamedTuple):
    """Mean degree, heterogeneity and symmetry of a network, and the two standard deviations behind them."""

    mean_degree: float
    heterogeneity: float
    symmetry: float
    sigma_in: float
    sigma_out: float

    @property
    def beta_eff(self) -> float:
        """mean_degree + symmetry heterogeneity."""
        return self.mean_degree + ratio(self.symmetry * self.sigma_in, self.mean_degree) * self.sigma_out


def decompose(P: Network, giant_component: bool = False, weight: str | None = "weight") -> Decomposition:
    """What beta_eff is made of: mean degree, heterogeneity and symmetry.

        beta_eff = <s> + S H,   H = sigma_in sigma_out / <s>,   S = corr(s_in, s_out)

    with s_in = P 1, s_out = 1'P and means over all n nodes, those without links too. Both degrees have the mean <s>, the
    weights' sum over n; beta_eff is <s_in s_out> / <s>, and <s_in s_out> = <s>^2 + cov(s_in, s_out). The edges:

    1. Without links all five numbers are 0.
    2. Where all in-degrees, or all out-degrees, are equal up to rounding, that sigma and S are 0 and beta_eff = <s>.
    3. Signed weights with <s> = 0 have an infinite H; beta_eff is then 0 for a covariance of 0, else infinite.

    Nodes without links leave beta_eff as it is, but not its parts, which are means over all nodes: giant_component=True drops them.

    Args:
        P, giant_component, weight: as for beta_eff.

    Returns: Decomposition; its beta_eff agrees with the function of that name up to rounding.

    Raises: ValueError as beta_eff. Source: Gao, Barzel and Barabasi, Nature 530, 307 (2016).

    >>> d = decompose([[0, 3], [1, 0]])     # in-degrees 3, 1, out-degrees 1, 3: who receives much sends little
    >>> d.mean_degree, d.heterogeneity, d.symmetry, d.beta_eff
    (2.0, 0.5, -1.0, 1.5)
    """
    matrix, scale = _in_range(_chosen(P, giant_component, weight))
    n = matrix.shape[0]
    if not n:
        return Decomposition(0.0, 0.0, 0.0, 0.0, 0.0)
    s_in, s_out = (_sums(matrix, axis) for axis in (1, 0))
    mean = float(s_in.sum()) / n
    sigma_in, sigma_out = (_spread(matrix, s, axis) for s, axis in ((s_in, 1), (s_out, 0)))
    covariance = float((s_in - mean) @ (s_out - mean)) / n
    symmetry = float(np.clip(covariance / (sigma_in * sigma_out), -1, 1)) if sigma_in and sigma_out else 0.0
    H = ratio(sigma_in * sigma_out, mean)
    return Decomposition(scale * mean, scale * H, symmetry, scale * sigma_in, scale * sigma_out)


def _chosen(P: Network, giant_component: bool, weight: str | None) -> Any:
    """All of the network, or its largest component."""
    if not isinstance(giant_component, bool | np.bool):
        raise TypeError(f"giant_component must be True or False, got {giant_component!r:.80}")
    return links.giant_component(P, weight)[0] if giant_component else links.as_matrix(P, weight)


def _in_range(matrix: Any) -> tuple[Any, float]:
    """P divided by a power of two near max |P| where products of degrees would overflow or underflow, and that power; else P and 1."""
    entries = matrix.data if isinstance(matrix, sparse.csr_array) else matrix
    largest = max(float(entries.max(initial=0.0)), -float(entries.min(initial=0.0)))
    if not largest or 1e-100 < largest < 1e100:
        return matrix, 1.0
    scale = 2.0 ** min(frexp(largest)[1], 1023)
    return matrix / scale, scale


def _sums(matrix: Any, axis: int) -> NDArray[np.float64]:
    return np.asarray(matrix.sum(axis=axis), dtype=np.float64).ravel()


def _spread(matrix: Any, degrees: NDArray[np.float64], axis: int) -> float:
    """Standard deviation of the degrees, 0.0 where it is no more than a sum of n terms can be off."""
    sigma = float(degrees.std())
    if isinstance(matrix, sparse.csr_array):
        sizes: Any = sparse.csr_array((abs(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)
    else:
        sizes = abs(matrix)
    return sigma if sigma > len(degrees) * EPS * float(_sums(sizes, axis).max()) else 0.0
