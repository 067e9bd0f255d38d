"""A network as the matrix of its links, read from an array, from scipy.sparse or from networkx: ncap.reference.network says how."""

import sys
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


def giant_component(P: Network) -> tuple[Links, NDArray[np.intp]]:
    """Largest weakly connected component: the largest set of nodes held together by links of either direction.

    Among components of equal size it is the one with the lowest node. Time and memory are O(nodes + links).

    Args:
        P: (n, n), dense, scipy.sparse or a networkx graph, of finite real weights.

    Returns: csr_array (m, m) of the links among the component's nodes, and those nodes, (m,) in ascending order. Where that
    is the whole network, the matrix may share its arrays with P.

    Raises: ValueError for anything but a square matrix or a graph of finite real weights.

    >>> P, nodes = giant_component([[0, 0, 0, 0], [0, 0, 5, 0], [0, 0, 0, 0], [0, 0, 7, 0]])     # 2 -> 1 and 2 -> 3
    >>> nodes.tolist(), P.toarray().tolist()
    ([1, 2, 3], [[0.0, 5.0, 0.0], [0.0, 0.0, 0.0], [0.0, 7.0, 0.0]])
    """
    links = as_links(P)
    if not links.shape[0]:
        return links, np.zeros(0, dtype=np.intp)
    label = csgraph.connected_components(links, connection="weak")[1]
    size = np.bincount(label)[label]
    first = size.argmax()  # of the nodes that share the largest size
    nodes = np.flatnonzero(label == label[first])
    return (links if len(nodes) == links.shape[0] else links[nodes][:, nodes]), nodes


def as_matrix(P: Network) -> Any:
    """Square float64 matrix of finite weights: dense stays dense, all else becomes a csr_array.

    What is float64 already, dense or csr, is not copied; the argument is never changed.

    Raises: ValueError for anything but a square matrix or a graph of finite real weights.
    """
    given: Any = _from_networkx(P) if _is_networkx(P) else P if sparse.issparse(P) else as_array("P", P)
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


def as_links(P: Network) -> Links:
    """The matrix as a csr_array that stores every link once, in the order of columns, and no zeros.

    Raises: ValueError as as_matrix.
    """
    matrix = as_matrix(P)
    links: Links = matrix if isinstance(matrix, sparse.csr_array) else sparse.csr_array(matrix)
    if not links.has_canonical_format or not links.data.all():
        links = links.copy()  # its arrays may be the caller's
        links.sum_duplicates()
        links.eliminate_zeros()
    return links


def receivers(links: Links) -> NDArray[np.intp]:
    """Row of every stored link; `links.indices` are the columns."""
    return np.repeat(np.arange(links.shape[0]), np.diff(links.indptr))


def _is_networkx(P: object) -> bool:
    networkx = sys.modules.get("networkx")  # whoever holds a graph has imported it
    return networkx is not None and isinstance(P, networkx.Graph)


def _from_networkx(graph: Any) -> Any:
    position = {node: i for i, node in enumerate(graph)}
    weights = finite("attribute `weight` of the edges of P", [w for _, _, w in graph.edges(data="weight", default=1)])
    ends = np.array([(position[u], position[v]) for u, v in graph.edges()], dtype=np.intp).reshape(-1, 2)
    if weights.shape != (len(ends),):
        raise ValueError(f"attribute `weight` of the edges of P must be one number, got shape {weights.shape[1:]}")
    senders, receiving = ends.T
    if not graph.is_directed():
        back = senders != receiving
        senders, receiving = np.concatenate([senders, receiving[back]]), np.concatenate([receiving, senders[back]])
        weights = np.concatenate([weights, weights[back]])
    return sparse.coo_array((weights, (receiving, senders)), shape=(len(position), len(position)))
