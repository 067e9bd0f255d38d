"""A network as the matrix of its links, read from an array, from scipy.sparse or from networkx: ncap.reference.network says how."""

import sys
import warnings
from collections.abc import Iterable
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.sparse import csgraph

from ncap.reference.arguments import as_array, finite

if TYPE_CHECKING:
    import networkx

# Union, because | does not take a name in quotes; networkx is imported by whoever holds a graph.
Network: TypeAlias = Union[ArrayLike, sparse.sparray, sparse.spmatrix, "networkx.Graph"]
Links: TypeAlias = "sparse.csr_array[np.float64]"


def giant_component(P: Network, weight: str | None = "weight") -> tuple[Links, NDArray[np.intp]]:
    """Largest weakly connected component: the largest set of nodes held together by links of either direction.

    Among components of equal size it is the one with the lowest node. Time and memory are O(nodes + links).

    Args:
        P: (n, n), dense, scipy.sparse or a networkx graph, of finite real weights.
        weight: the attribute of a networkx graph's edges that holds their weights; None to count every edge as 1.

    Returns: csr_array (m, m) of the links among the component's nodes, and those nodes, (m,) in ascending order. Where that
    is the whole network, the matrix may share its arrays with P.

    Raises: ValueError for anything but a square matrix or a graph of finite real weights.

    >>> P, nodes = giant_component([[0, 0, 0, 0], [0, 0, 5, 0], [0, 0, 0, 0], [0, 0, 7, 0]])     # 2 -> 1 and 2 -> 3
    >>> nodes.tolist(), P.toarray().tolist()
    ([1, 2, 3], [[0.0, 5.0, 0.0], [0.0, 0.0, 0.0], [0.0, 7.0, 0.0]])
    """
    links = as_links(P, weight)
    if not links.shape[0]:
        return links, np.zeros(0, dtype=np.intp)
    label = csgraph.connected_components(links, connection="weak")[1]
    size = np.bincount(label)[label]
    first = size.argmax()  # of the nodes that share the largest size
    nodes = np.flatnonzero(label == label[first])
    return (links if len(nodes) == links.shape[0] else links[nodes][:, nodes]), nodes


def as_matrix(P: Network, weight: str | None = "weight") -> Any:
    """Square float64 matrix of finite weights: dense stays dense, all else becomes a csr_array.

    What is float64 already, dense or csr, is not copied; the argument is never changed.

    Raises: TypeError or ValueError for a weight that is no attribute of P's edges; ValueError for anything but a square matrix or a
    graph of finite real weights. It warns where no edge has a `weight` and another attribute may be meant.
    """
    _check_weight(P, weight)
    given: Any = _from_networkx(P, weight) if is_networkx(P) else P if sparse.issparse(P) else as_array("P", P)
    if np.iscomplexobj(given):
        raise ValueError("P must hold real weights, got complex numbers")
    if given.ndim != 2 or given.shape[0] != given.shape[1]:
        raise ValueError(
            f"P must be a square matrix, got shape {given.shape} ({type(P).__name__}); "
            "pass it dense, as scipy.sparse or as a networkx graph"
        )
    if isinstance(given, np.ndarray):
        return finite("P", given)
    matrix = sparse.csr_array(given, dtype=np.float64)
    finite("P", matrix.data)
    return matrix


def as_links(P: Network, weight: str | None = "weight") -> Links:
    """The matrix as a csr_array that stores every link once, in the order of columns, and no zeros.

    Raises: ValueError as as_matrix.
    """
    matrix = as_matrix(P, weight)
    links: Links = matrix if isinstance(matrix, sparse.csr_array) else sparse.csr_array(matrix)
    if not links.has_canonical_format or not links.data.all():
        links = links.copy()  # its arrays may be the caller's
        links.sum_duplicates()
        links.eliminate_zeros()
    return links


def receivers(links: Links) -> NDArray[np.intp]:
    """Row of every stored link; `links.indices` are the columns."""
    return np.repeat(np.arange(links.shape[0]), np.diff(links.indptr))


def is_networkx(P: object) -> bool:
    """Whether P is a graph of networkx, which is not imported for that."""
    networkx = sys.modules.get("networkx")  # whoever holds a graph has imported it
    return networkx is not None and isinstance(P, networkx.Graph)


def _check_weight(P: object, weight: object) -> None:
    if not isinstance(weight, str | None):
        raise TypeError(f"weight must be the name of an attribute of edges, or None for 1 each, got {weight!r:.80}")
    if weight not in ("weight", None) and not is_networkx(P):
        raise ValueError(
            f"weight={weight!r:.80} names an attribute of the edges of a networkx graph, but P is no such graph ({type(P).__name__}): "
            "a matrix holds its weights itself; leave weight out"
        )


def _from_networkx(graph: Any, weight: str | None) -> Any:
    position = {node: i for i, node in enumerate(graph)}
    weights = _edge_weights(graph, weight)
    ends = np.array([(position[u], position[v]) for u, v in graph.edges()], dtype=np.intp).reshape(-1, 2)
    if weights.shape != (len(ends),):
        raise ValueError(f"attribute `{weight}` of the edges of P must be one number, got shape {weights.shape[1:]}")
    senders, receiving = ends.T
    if not graph.is_directed():
        back = senders != receiving
        senders, receiving = np.concatenate([senders, receiving[back]]), np.concatenate([receiving, senders[back]])
        weights = np.concatenate([weights, weights[back]])
    return sparse.coo_array((weights, (receiving, senders)), shape=(len(position), len(position)))


def _edge_weights(graph: Any, weight: str | None) -> NDArray[np.float64]:
    """The attribute of every edge, 1 where it is missing, as in networkx; not in silence where it is missing everywhere."""
    if weight is None:
        return np.ones(graph.number_of_edges())
    if graph.number_of_edges() and not any(weight in attributes for _, _, attributes in graph.edges(data=True)):
        others = _numbers_of(attributes for _, _, attributes in graph.edges(data=True))
        if weight != "weight":
            raise ValueError(
                f"no edge of P has the attribute weight={weight!r:.80}; pass one that they have"
                f"{', ' + others if others else ''}, or weight=None to count every edge as 1"
            )
        if others:
            warnings.warn(
                f"no edge of P has a `weight`, and each counts as 1; they do have {others}: pass weight= with the name of the "
                "attribute that is meant, or weight=None if every edge is to count as 1",
                UserWarning,
                stacklevel=_outside(),
            )
    return finite(f"attribute `{weight}` of the edges of P", [w for _, _, w in graph.edges(data=weight, default=1)])


def _numbers_of(edges: Iterable[dict[Any, Any]]) -> str:
    """The names of the attributes that hold a number on some edge, quoted."""
    named = {str(name) for edge in edges for name, value in edge.items() if isinstance(value, Real)}
    return f"{', '.join(map(repr, sorted(named))):.100}"


def _outside() -> int:
    """How many frames up the caller of this package is, so that a warning points at the user's line."""
    frame, depth = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("ncap.reference"):
        frame, depth = frame.f_back, depth + 1
    return depth
