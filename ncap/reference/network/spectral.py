"""The reduction of a network to one dimension by its dominant eigenvector (Laurence et al. 2019), beside that by its degrees."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csgraph
from scipy.sparse.linalg import ArpackNoConvergence, eigs

from ncap.reference.network.links import Network, as_links

SMALL = 200  # nodes up to which all eigenvectors are found at once


class SpectralReduction(NamedTuple):
    """alpha, the spectral radius of P; beta, the place of the receivers in units of R; weights, the a (n,) of the average R = <a, x>."""

    alpha: float
    beta: float
    weights: NDArray[np.float64]


def spectral_reduction(P: Network, weight: str | None = "weight") -> SpectralReduction:
    """What the spectral reduction of Eq. 1 is made of: one dimension along the dominant eigenvector of the network.

        dR/dt = f(R) + alpha h(beta R, R),   R = <a, x>,   a'P = alpha a',   sum(a) = 1,   beta = <a, delta_in a> / (alpha <a, a>)

    alpha is the largest eigenvalue, a its left eigenvector, which has no negative entry (Perron and Frobenius), and beta the state, in
    units of R, at which the receivers are taken to be. Where all in-degrees are equal, alpha = beta_eff and beta = 1, so that both
    reductions are one equation. Nodes that lead to no cycle have a = 0, and of several components the one of the largest alpha decides.

    Args:
        P: (n, n), dense, scipy.sparse or a networkx graph, of finite weights of at least 0; the row receives.
        weight: the attribute of a networkx graph's edges that holds their weights; None to count every edge as 1.

    Returns: SpectralReduction (alpha, beta, weights). Time is O(links) times some tens for an eigenvector of a large network.

    Raises: ValueError for a bad P, negative weights, or a network without cycles, whose alpha is 0; ArithmeticError where the eigenvector
    is not found. Source: Laurence, Doyon, Dube and Desrosiers, Physical Review X 9, 011042 (2019).

    >>> star = np.zeros((10, 10))
    >>> star[0, 1:] = star[1:, 0] = 1     # nine leaves: alpha = sqrt(9), while beta_eff = (9 + 1) / 2
    >>> alpha, beta, a = spectral_reduction(star)
    >>> round(alpha, 9), round(beta, 9), (a / a[1]).round(9).tolist()[:3]     # beta = (9 + 1) / (2 alpha)
    (3.0, 1.666666667, [3.0, 1.0, 1.0])
    """
    links = as_links(P, weight)
    if (links.data < 0).any():
        raise ValueError(
            f"P must have weights of at least 0 for a spectral reduction, got {links.data.min()}: with both signs the dominant "
            "eigenvector is no average; reduction='degree' takes any"
        )
    if not _has_cycle(links):
        raise ValueError(
            "P has no cycle, so that its spectral radius is 0 and nothing is left along its eigenvectors; use reduction='degree'"
        )
    alpha, a = _dominant(links)
    a = a / a.sum()
    delta_in = np.asarray(links.sum(axis=1), dtype=np.float64).ravel()
    return SpectralReduction(alpha, float(a @ (delta_in * a)) / (alpha * float(a @ a)), a)


def _dominant(links: Any) -> tuple[float, NDArray[np.float64]]:
    """The largest eigenvalue, and its left eigenvector, of no negative entry."""
    n = links.shape[0]
    if n <= SMALL:
        values, vectors = np.linalg.eig(links.toarray().T)
    else:
        try:
            values, vectors = eigs(links.T.tocsr(), k=1, which="LR", v0=np.ones(n))
        except ArpackNoConvergence as error:
            raise ArithmeticError(
                f"the dominant eigenvector of P was not found: {error}; pass its giant component"
            ) from None
    first = int(np.argmax(values.real))
    a = np.abs(vectors[:, first].real)
    a[a < np.finfo(np.float64).eps * n * a.max(initial=0.0)] = 0
    return float(values[first].real), a


def _has_cycle(links: Any) -> bool:
    """Whether some node can reach itself: else P is nilpotent, and any eigenvalue that is found is rounding."""
    components = csgraph.connected_components(links, directed=True, connection="strong", return_labels=False)
    return bool(components < links.shape[0] or links.diagonal().any())
