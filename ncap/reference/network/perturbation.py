"""What is left of a network, and of its beta_eff, when nodes fail, links fail, or all links weaken."""

from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from ncap.reference.arguments import choose, finite, whole_number
from ncap.reference.network.links import Links, Network, as_links, is_networkx, receivers
from ncap.reference.network.resilience import beta_eff

REMOVALS = ("nodes", "links", "weights")
ORDERS = ("random", "degree", "in_strength", "out_strength")


def perturb(
    P: Network,
    remove: str = "nodes",
    fraction: float = 0.1,
    seed: int = 0,
    repeat: int = 0,
    order: str | Iterable[Any] = "random",
    weight: str | None = "weight",
) -> Links:
    """The network without a fraction of its nodes, of its links, or of every weight.

    "nodes": that many nodes, drawn at random or the first of an order, lose all their links. "links": that many links, drawn at
    random, are removed; an undirected link counts as two, and may lose one. "weights": every weight is multiplied by 1 - fraction,
    and nothing is drawn. Counts are rounded to the nearest whole number, halves to the even one. One seed and repeat fix one order
    of removal, so that a larger fraction removes what a smaller one does, and more. Nodes keep their places: beta_eff and
    network_average do not see those without links, and giant_component leaves them out.

    An attack on the hubs removes the nodes of the largest "degree" first, the number of links that enter and leave a node, or of the
    largest "in_strength" or "out_strength", the sum of the weights that enter or leave it: delta_in or delta_out. All three are
    those of the whole network, not of what is left of it; ties are broken at random.

    Args:
        P: (n, n), dense, scipy.sparse or a networkx graph, of finite real weights.
        remove: "nodes", "links" or "weights". fraction: 0 to 1. seed, repeat: whole numbers of at least 0.
        order: of nodes alone: "random", "degree", "in_strength", "out_strength", or all nodes in the order of their removal, each once,
            as rows of P, or as the nodes of a networkx graph.
        weight: the attribute of a networkx graph's edges that holds their weights; None to count every edge as 1.

    Returns: csr_array (n, n) of the links that are left.

    Raises: ValueError for a bad P, an unknown removal or order, a fraction outside 0..1, a seed or repeat below 0 or not whole.

    >>> ring = np.roll(np.eye(4), 1, axis=0)
    >>> [perturb(ring, "links", fraction).nnz for fraction in (0, 0.25, 0.5, 1)]
    [4, 3, 2, 0]
    """
    links = as_links(P, weight)
    choose("remove", remove, REMOVALS)
    if not isinstance(fraction, Real):
        raise ValueError(f"fraction must be one number in 0..1, got {fraction!r:.80}")
    (share,) = _fractions("fraction", [fraction])
    ranks = _ranks(P, links, remove, order)
    removed = _drawn(links, remove, ranks, whole_number("seed", seed), whole_number("repeat", repeat))
    left = _without(links, remove, removed, share).copy()  # no array shared with P
    left.eliminate_zeros()
    return left


def perturbation_curve(
    P: Network,
    remove: str = "nodes",
    fractions: ArrayLike = (0.0, 0.2, 0.4, 0.6, 0.8),
    repeats: int = 10,
    seed: int = 0,
    order: str | Iterable[Any] = "random",
    weight: str | None = "weight",
) -> NDArray[np.float64]:
    """beta_eff of a network that loses more and more of its nodes, links or weights (perturb says how).

    Weakening all weights is deterministic, beta_eff (1 - fraction); nodes and links go in one random order per repeat, and hubs,
    order="degree" for instance, in an order in which only ties are drawn. A given order is the same in every repeat. Time is
    O(fractions repeats links), memory O(links).

    Args:
        P: (n, n), as for perturb.
        remove: "nodes", "links" or "weights". fractions: (F,), each 0 to 1. repeats: at least 1. seed: at least 0.
        order, weight: as for perturb.

    Returns: (F, repeats), beta_eff of perturb(P, remove, fractions[f], seed, r, order).

    Raises: ValueError as perturb, and for an empty list of fractions or repeats below 1.

    >>> perturbation_curve([[0, 2], [2, 0]], "weights", [0, 0.5, 1], repeats=1).ravel().tolist()
    [2.0, 1.0, 0.0]
    >>> star = np.zeros((6, 6))
    >>> star[0, 1:] = star[1:, 0] = 1     # without its hub nothing is left, without one of five leaves (4 + 1) / 2
    >>> perturbation_curve(star, fractions=[0, 1 / 6], repeats=1, order="degree").ravel().tolist()
    [3.0, 0.0]
    >>> perturbation_curve(star, fractions=[0, 1 / 6], repeats=1, order=[5, 4, 3, 2, 1, 0]).ravel().tolist()
    [3.0, 2.5]
    """
    links = as_links(P, weight)
    choose("remove", remove, REMOVALS)
    shares = _fractions("fractions", fractions)
    repeats, seed = whole_number("repeats", repeats, least=1), whole_number("seed", seed)
    ranks, curves = _ranks(P, links, remove, order), []
    for repeat in range(repeats):
        removed = _drawn(links, remove, ranks, seed, repeat)
        curves.append([beta_eff(_without(links, remove, removed, share)) for share in shares])
    return np.array(curves).T


def _ranks(P: Network, links: Links, remove: str, order: Any) -> NDArray[np.float64] | None:
    """What nodes are removed by, the largest first; None for an order drawn at random."""
    named = isinstance(order, str)
    if named:
        choose("order", order, ORDERS)
        if order == "random":
            return None
    if remove != "nodes":
        raise ValueError(f"order={order!r:.80} is of nodes, and remove={remove!r} removes none; leave order out")
    if not named:
        return _given_ranks(P, links.shape[0], order)
    incoming, outgoing = np.diff(links.indptr), np.bincount(links.indices, minlength=links.shape[0])
    if order == "degree":
        return np.asarray(incoming + outgoing, dtype=np.float64)
    return np.asarray(links.sum(axis=1 if order == "in_strength" else 0), dtype=np.float64).ravel()


def _given_ranks(P: Network, n: int, order: Any) -> NDArray[np.float64]:
    """Ranks that fall along an order which names every node once."""
    nodes: Any = list(P) if is_networkx(P) else range(n)  # type: ignore[arg-type]
    position = {node: i for i, node in enumerate(nodes)}
    try:
        places = [position[node] for node in order]
    except (TypeError, KeyError):  # no list, or one that holds what is no node
        places = []
    if len(places) != n or len(set(places)) != n:
        what = "nodes of the graph P" if is_networkx(P) else f"rows of P, 0..{n - 1},"
        raise ValueError(
            f"order must be one of {', '.join(map(repr, ORDERS))}, or hold each of the {n} {what} once, got {order!r:.80}"
        )
    ranks = np.empty(n)
    ranks[places] = np.arange(n, 0, -1)
    return ranks


def _drawn(links: Links, remove: str, ranks: NDArray[np.float64] | None, seed: int, repeat: int) -> NDArray[np.intp]:
    """Nodes or links in the order in which they are removed: by falling rank, drawn at random among equals."""
    things = {"nodes": links.shape[0], "links": links.nnz, "weights": 0}[remove]
    drawn = np.random.default_rng([seed, repeat]).permutation(things)
    return drawn if ranks is None else drawn[np.argsort(-ranks[drawn], kind="stable")]


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
