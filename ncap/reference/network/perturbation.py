"""What is left of a network, and of its beta_eff, when nodes fail, links fail, or all links weaken."""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from ncap.reference.arguments import choose, finite, whole_number
from ncap.reference.network.links import Links, Network, as_links, receivers
from ncap.reference.network.resilience import beta_eff

REMOVALS = ("nodes", "links", "weights")


def perturb(P: Network, remove: str = "nodes", fraction: float = 0.1, seed: int = 0, repeat: int = 0) -> Links:
    """The network without a fraction of its nodes, of its links, or of every weight.

    "nodes": that many nodes, drawn at random, lose all their links. "links": that many links, drawn at random, are removed;
    an undirected link counts as two, and may lose one. "weights": every weight is multiplied by 1 - fraction, and nothing is
    drawn. Counts are rounded to the nearest whole number, halves to the even one. One seed and repeat fix one order of removal, so that
    a larger fraction removes what a smaller one does, and more. Nodes keep their places: beta_eff and network_average do
    not see those without links, and giant_component leaves them out.

    Args:
        P: (n, n), dense, scipy.sparse or a networkx graph, of finite real weights.
        remove: "nodes", "links" or "weights". fraction: 0 to 1. seed, repeat: whole numbers of at least 0.

    Returns: csr_array (n, n) of the links that are left.

    Raises: ValueError for a bad P, an unknown removal, a fraction outside 0..1, a seed or repeat below 0 or not whole.

    >>> ring = np.roll(np.eye(4), 1, axis=0)
    >>> [perturb(ring, "links", fraction).nnz for fraction in (0, 0.25, 0.5, 1)]
    [4, 3, 2, 0]
    """
    links = as_links(P)
    choose("remove", remove, REMOVALS)
    if not isinstance(fraction, Real):
        raise ValueError(f"fraction must be one number in 0..1, got {fraction!r:.80}")
    (share,) = _fractions("fraction", [fraction])
    order = _order(links, remove, whole_number("seed", seed), whole_number("repeat", repeat))
    left = _without(links, remove, order, share).copy()  # no array shared with P
    left.eliminate_zeros()
    return left


def perturbation_curve(
    P: Network,
    remove: str = "nodes",
    fractions: ArrayLike = (0.0, 0.2, 0.4, 0.6, 0.8),
    repeats: int = 10,
    seed: int = 0,
) -> NDArray[np.float64]:
    """beta_eff of a network that loses more and more of its nodes, links or weights (perturb says how).

    Weakening all weights is deterministic, beta_eff (1 - fraction); nodes and links go in one random order per repeat. Time is
    O(fractions repeats links), memory O(links).

    Args:
        P: (n, n), as for perturb.
        remove: "nodes", "links" or "weights". fractions: (F,), each 0 to 1. repeats: at least 1. seed: at least 0.

    Returns: (F, repeats), beta_eff of perturb(P, remove, fractions[f], seed, r).

    Raises: ValueError as perturb, and for an empty list of fractions or repeats below 1.

    >>> perturbation_curve([[0, 2], [2, 0]], "weights", [0, 0.5, 1], repeats=1).ravel().tolist()
    [2.0, 1.0, 0.0]
    """
    links = as_links(P)
    choose("remove", remove, REMOVALS)
    shares = _fractions("fractions", fractions)
    repeats, seed = whole_number("repeats", repeats, least=1), whole_number("seed", seed)
    curves = []
    for repeat in range(repeats):
        order = _order(links, remove, seed, repeat)
        curves.append([beta_eff(_without(links, remove, order, share)) for share in shares])
    return np.array(curves).T


def _order(links: Links, remove: str, seed: int, repeat: int) -> NDArray[np.intp]:
    """Nodes or links in the order in which they are removed."""
    things = {"nodes": links.shape[0], "links": links.nnz, "weights": 0}[remove]
    return np.random.default_rng([seed, repeat]).permutation(things)


def _without(links: Links, remove: str, order: NDArray[np.intp], fraction: float) -> Links:
    """The network with zeros in the place of what is removed; it shares its indices with `links`."""
    kept = np.ones(len(order), dtype=bool)
    kept[order[: round(fraction * len(order))]] = False
    if remove == "weights":
        data = links.data * (1 - fraction)
    elif remove == "links":
        data = links.data * kept
    else:
        data = links.data * (kept[receivers(links)] & kept[links.indices])
    return sparse.csr_array((data, links.indices, links.indptr), shape=links.shape)


def _fractions(name: str, value: Any) -> list[float]:
    array = finite(name, value)
    if array.ndim != 1 or not len(array):
        raise ValueError(f"{name} must be a list of at least one number in 0..1, got {value!r:.80}")
    outside = array[(array < 0) | (array > 1)]
    if len(outside):
        raise ValueError(f"{name} must lie in 0..1, got {float(outside[0])}; pass 0.2 for 20 %")
    return [float(fraction) for fraction in array]
