"""phi: G_A -> G_B. The nodes of the line graph are the weights of G_A, its links run against the forward pass.

A shared weight, such as an entry of a convolution's kernel, is one node that joins many pairs of neurons: the one-to-many
mapping. It meets a weight of the next layer when some neuron between is entered through the one and left through the
other. Windows slide along rows and columns apart, and channels do not ask where: so a layer's links are the product of
three relations, rows x columns x channels, which are small, and are counted from them without being built.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from ncap.reference.arguments import Array
from ncap.reference.kernels import compiled
from ncap.reference.mlp.perceptron import MLP
from ncap.reference.shared_weights.cnn import CNN
from ncap.reference.shared_weights.convolution import Channels
from ncap.reference.shared_weights.pooling import Flatten
from ncap.reference.shared_weights.window import Window, whole

MAX_LINKS = 200_000_000  # 1 GB of indices and values


class LineGraphSize(NamedTuple):
    """Size of a line graph before it is built.

    nodes: weights. links: pairs of weights that meet in a neuron. connections: pairs of neurons that the weights join, many
    for a shared one. paths: pairs of connections that meet in a neuron, which would be the links if no weight were shared.
    """

    nodes: int
    links: int
    connections: int
    paths: int


def line_graph(widths: Sequence[int] | MLP | CNN) -> "sparse.csr_array[np.bool_]":
    """Line graph of a network's weights: a link from q of layer l + 1 to p of layer l for the neurons of layer l they share.

    Neuron i is shared when it is entered through p and left through q; poolings and flatten between are passed through, and
    whether a later layer leaves it out does not matter. In an MLP these are the links (l+1; i->k) to (l; j->i). The links
    run the way the error flows, the reverse of the forward line graph; the row receives, the column sends: B[p, q] is True.
    Nodes are the entries of each kernel in C order, layer after layer; biases are not nodes.

    Args:
        widths: (n_0, ..., n_L) of an MLP, each at least 1, L at least 1; or the network, an MLP or a CNN.

    Returns: boolean csr_array (n_E, n_E) of the links that line_graph_size counts.

    Raises: ValueError for fewer than two widths, one below 1, or more than 200 million links.
    Source: paper, map phi; MATHEMATICS.md, section 2.

    >>> line_graph((1, 2, 1)).astype(int).toarray().tolist()     # weights 1->1, 1->2 of W_1, then 1->1, 2->1 of W_2
    [[0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    """
    reaches = _reaches(widths)
    size = _size(reaches)
    if size.links > MAX_LINKS:
        raise ValueError(
            f"widths {_described(widths):.200} give a line graph of {size.links:,} links, more than {MAX_LINKS:,}, at 5 bytes "
            "each; line_graph_size counts them, and ncap.reference.degrees and capacitance need no graph"
        )
    offsets = np.cumsum([0, *(reach.weights for reach in reaches)])
    out_degrees = np.zeros(size.nodes + 1, np.int64)
    columns = np.empty(size.links, np.int32 if size.nodes < 2**31 else np.int64)
    filled = 0
    for l, (below, above) in enumerate(pairwise(reaches)):
        rows, places = (_meetings(below, above, axis) > 0 for axis in (0, 1))
        degrees = np.multiply.outer(rows.sum(axis=1), places.sum(axis=1)).ravel() * above.channels.sent
        out_degrees[offsets[l] + 1 : offsets[l + 1] + 1] = np.repeat(degrees, below.channels.entries)
        filled = _fill(columns, filled, rows, places, below.channels, above.channels, offsets[l + 1])
    indptr = np.cumsum(out_degrees).astype(columns.dtype)
    return sparse.csr_array((np.ones(size.links, dtype=bool), columns, indptr), shape=(size.nodes, size.nodes))


def line_graph_size(widths: Sequence[int] | MLP | CNN) -> LineGraphSize:
    """Nodes and links of the line graph, and what they would be without weight sharing, counted without building it.

        nodes = sum_l n_{l-1} n_l = connections,   links = sum_{l<L} n_{l-1} n_l n_{l+1} = paths      for an MLP

    and for shared weights links = sum_{l<L} rows columns channels, each the number of pairs that meet along that axis.

    Args:
        widths: (n_0, ..., n_L) of an MLP; or the network, an MLP or a CNN.

    Returns: LineGraphSize.

    Raises: ValueError for fewer than two widths or one below 1.

    >>> line_graph_size((784, 256, 128, 10))
    LineGraphSize(nodes=234752, links=26017792, connections=234752, paths=26017792)
    """
    return _size(_reaches(widths))


def weight_offsets(widths: Sequence[int] | MLP | CNN) -> list[int]:
    """Index of each layer's first weight in the node order, and behind them the number of weights n_E.

    Args:
        widths: (n_0, ..., n_L) of an MLP; or the network, an MLP or a CNN.

    Raises: ValueError for fewer than two widths or one below 1.

    >>> weight_offsets((2, 3, 1))
    [0, 6, 9]
    """
    offsets = [0]
    for reach in _reaches(widths):
        offsets.append(offsets[-1] + reach.weights)
    return offsets


def by_layer(nodes: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """The last axis, in node order, cut into arrays of these shapes; every axis before it is kept."""
    parts = np.split(nodes, np.cumsum([prod(shape) for shape in shapes])[:-1], axis=-1)
    return [part.reshape(*nodes.shape[:-1], *shape) for part, shape in zip(parts, shapes, strict=True)]


def in_node_order(kernels: Sequence[Array]) -> Array:
    """Arrays of any shapes as one vector, one after another in C order: of kernels, one number per node."""
    return np.concatenate([kernel.ravel() for kernel in kernels])


class _Reach(NamedTuple):
    """Where the weights of one layer lead: its windows, its channels, and the windows of the poolings behind it."""

    windows: tuple[Window, Window]
    channels: Channels
    poolings: tuple[tuple[Window, Window], ...]

    @property
    def weights(self) -> int:
        rows, columns = self.windows
        return rows.size * columns.size * self.channels.entries


def _reaches(widths: Any) -> list[_Reach]:
    if isinstance(widths, CNN):
        return [
            _Reach(
                stage.layer.windows(stage.image),
                stage.layer.channels(stage.image),
                tuple(step.layer.windows(step.image) for step in stage.steps if not isinstance(step.layer, Flatten)),
            )
            for stage in widths.stages
        ]
    sizes = _whole_widths(widths.widths if isinstance(widths, MLP) else widths)
    return [_Reach((whole(1), whole(1)), Channels(a * b, a, b), ()) for a, b in pairwise(sizes)]


def _size(reaches: list[_Reach]) -> LineGraphSize:
    links = paths = 0
    for below, above in pairwise(reaches):
        rows, columns = (_meetings(below, above, axis) for axis in (0, 1))
        channels = below.channels.entries * above.channels.sent
        links += int(np.count_nonzero(rows)) * int(np.count_nonzero(columns)) * channels
        paths += int(rows.sum()) * int(columns.sum()) * channels
    nodes = sum(reach.weights for reach in reaches)
    connections = sum(
        reach.channels.entries * int(reach.windows[0].inside().sum()) * int(reach.windows[1].inside().sum())
        for reach in reaches
    )
    return LineGraphSize(nodes, links, connections, paths)


def _meetings(below: _Reach, above: _Reach, axis: int) -> Array:
    """[k, k'], along one axis, how many ways lead in through entry k of one window and out through entry k' of the next."""
    ways = below.windows[axis].inside().astype(np.int64)  # [k, place]: the neuron there is entered through k
    for windows in below.poolings:
        ways = ways @ _under(windows[axis]).sum(axis=0)
    return np.asarray(ways @ _under(above.windows[axis]).sum(axis=2).T)


def _under(window: Window) -> Array:
    """[k, cell, place], 1 where the cell lies under entry k of the window at this place."""
    cells = np.arange(window.length)[:, None]
    return np.asarray(window.cells()[:, None, :] == cells).astype(np.int64)


@compiled
def _fill(
    columns: Array, filled: int, rows: Array, places: Array, below: Channels, above: Channels, offset: int
) -> int:
    """Write the columns of one layer's rows in order, behind those that are filled; returns how many are now."""
    width, sent = places.shape[1], above.entries // above.come
    for a in range(rows.shape[0]):
        for b in range(places.shape[0]):
            for e in range(below.entries):
                first = offset + e % below.go * sent
                for a_next in range(rows.shape[1]):
                    for b_next in range(width):
                        if rows[a, a_next] and places[b, b_next]:
                            start = first + (a_next * width + b_next) * above.entries
                            for f in range(sent):
                                columns[filled] = start + f
                                filled += 1
    return filled


def _described(widths: Any) -> str:
    return repr(widths) if isinstance(widths, MLP | CNN) else repr(tuple(_whole_widths(widths)))


def _whole_widths(widths: Any) -> list[int]:
    try:
        whole_widths = [int(width) for width in widths if width >= 1 and width % 1 == 0]
        fits = len(whole_widths) == len(widths) >= 2
    except (TypeError, ValueError):  # no sequence, or not of numbers
        fits = False
    if not fits:
        raise ValueError(
            f"widths must be at least two whole numbers of at least 1, (n_0, ..., n_L), got {widths!r:.80}; or pass an MLP or a CNN"
        )
    return whole_widths
