"""The line graph for other tools: a networkx DiGraph, or a GraphML file for Gephi, igraph, Cytoscape and the like."""

from collections.abc import Sequence
from itertools import pairwise
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ncap.reference.interaction.graph import line_graph, line_graph_size, weight_offsets
from ncap.reference.mlp.perceptron import MLP
from ncap.reference.network.links import Network, as_links, receivers
from ncap.reference.shared_weights.cnn import CNN, kernels_of

if TYPE_CHECKING:
    import networkx

MAX_LINKS = 5_000_000  # 1.6 GB of Python objects with weights, three times as much while GraphML is written


def to_networkx(widths: Sequence[int] | MLP | CNN, P: "Network | None" = None) -> "networkx.DiGraph[int]":
    """Line graph as a networkx DiGraph, whose edges point the way the error flows: (q, p) is P[p, q].

    Nodes are numbers, in the order of line_graph, with the attributes `layer`, 1..L, and `entry`, the index in that layer's
    kernel as text, "0,1" for W_l[0, 1]; edges have `weight` where P is given. Needs networkx (pip install 'ncap[network]').

    Args:
        widths: (n_0, ..., n_L) of an MLP; or the network, an MLP or a CNN.
        P: its interaction matrix, (n_E, n_E), whose entries are the links then; None for all links, without weights.

    Returns: DiGraph, which functions of this package that take a network read back as P.

    Raises: ValueError for bad widths, a P of another size, or more than 5 million links; ImportError without networkx.

    >>> graph = to_networkx((1, 2, 1))
    >>> sorted(graph.edges), graph.nodes[3]
    ([(2, 0), (3, 1)], {'layer': 2, 'entry': '1,0'})
    """
    import networkx

    links: Any = _links(widths, P)
    graph: networkx.DiGraph[int] = networkx.DiGraph()
    graph.add_nodes_from(_nodes(widths))
    edges = zip(links.indices.tolist(), receivers(links).tolist(), links.data.tolist(), strict=True)
    if P is None:
        graph.add_edges_from((sender, receiver) for sender, receiver, _ in edges)
    else:
        graph.add_weighted_edges_from(edges)
    return graph


def write_graphml(path: "str | PathLike[str]", widths: Sequence[int] | MLP | CNN, P: "Network | None" = None) -> None:
    """Write the line graph that to_networkx gives, attributes included, to a GraphML file.

    Raises: as to_networkx; TypeError for anything that is not a path, OSError where the file cannot be written.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_graphml(Path(folder) / "line_graph.graphml", (1, 2, 1))
    ...     (Path(folder) / "line_graph.graphml").read_text().count("<edge ")
    2
    """
    import networkx

    if not isinstance(path, str | PathLike):
        raise TypeError(f"path must be the name of a file, got {path!r:.80}")
    networkx.write_graphml(to_networkx(widths, P), path)


def _links(widths: Any, P: "Network | None") -> Any:
    size = line_graph_size(widths)
    links = None if P is None else as_links(P)
    count = size.links if links is None else links.nnz
    if count > MAX_LINKS:
        raise ValueError(
            f"{'widths' if links is None else 'P'} would give networkx {count:,} links, more than {MAX_LINKS:,}, at some 330 bytes "
            "each; line_graph and interaction_matrix give scipy.sparse"
        )
    if links is None:
        return line_graph(widths)
    if links.shape != (size.nodes, size.nodes):
        raise ValueError(
            f"P must have shape {(size.nodes, size.nodes)}, one row for each weight of widths, got {links.shape}"
        )
    return links


def _nodes(widths: Any) -> Any:
    if isinstance(widths, MLP | CNN):
        shapes = [kernel.shape for kernel in kernels_of(widths)]
    else:
        shapes = list(pairwise(int(width) for width in widths))
    offsets = weight_offsets(widths)
    for l, (shape, first) in enumerate(zip(shapes, offsets[:-1], strict=True), 1):
        for p, entry in enumerate(np.ndindex(shape), first):
            yield p, {"layer": l, "entry": ",".join(map(str, entry))}
