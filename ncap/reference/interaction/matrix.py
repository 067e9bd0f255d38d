"""P by definition (Eq. 7): the interaction matrix of the line graph, entry by entry, for networks small enough to look at."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from ncap.reference.arguments import Array
from ncap.reference.interaction.graph import line_graph_size, weight_offsets
from ncap.reference.mlp.backpropagation import families
from ncap.reference.mlp.blocks import explicit_block, hessian_block
from ncap.reference.mlp.norm_nodes import chain_shapes, norm_blocks, norm_families
from ncap.reference.mlp.perceptron import MLP
from ncap.reference.mlp.second_order import full_hessian_matrix, linearised, norm_hessian_blocks
from ncap.reference.shared_weights.cnn import CNN, check_network, kernels_of
from ncap.reference.shared_weights.connections import shared_block
from ncap.reference.shared_weights.junction import check_explicit, junctions, read_junctions
from ncap.reference.verdict import FULL_HESSIAN, Reading, read

MAX_MAGNITUDE_HESSIAN_WEIGHTS = 2_000
MAX_ENTRIES = 200_000_000  # 1.6 GB of values; the closed form needs none of them


def interaction_matrix(
    net: MLP | CNN,
    x: ArrayLike,
    y: ArrayLike,
    interaction: str = "explicit",
    strength: str = "signed",
    weighting: str = "unit",
    nodes: str = "kernels",
) -> "sparse.csr_array[np.float64]":
    """Interaction matrix P of the weights under gradient descent, by definition (Eq. 7).

        explicit: P[(l;j->i), (l+1;i->k)]  = mean_n s_l[n,i] z_{l-1}[n,j] g_{l+1}[n,k]
        hessian:  P[(l;j->i), (l+1;i'->k)] = [i = i'] explicit + mean_n s_l[n,i] z_{l-1}[n,j] z_l[n,i'] (W_{l+1} H_{l+1}[n])[i,k]
                  H_L[n] = diag(p) - pp' (cross-entropy) or I (squared error),  H_l[n] = S_l W_{l+1} H_{l+1}[n] W_{l+1}' S_l
        full_hessian: P = H, d2C by every two of all kernels, biases, scales and shifts that the network was given

    The row receives, the column sends; nodes are the weights in C order of each kernel, layer after layer. A shared weight
    is one node: its entries are sums over the pairs of physical connections that meet in a neuron, and only explicit.
    strength "magnitude" takes |.| of every sample's term before the mean, so that nothing cancels. weighting "relative" is
    diag(w) P diag(w), with |w| for magnitude: the impact of a relative change on a relative change.

    Args:
        net: an MLP or a CNN. x: (N, n_0), or (N, *input_shape). y: integer labels (N,) or targets (N, n_L).
        interaction: "explicit", the line graph's links; "hessian", d2C / dW_l dW_{l+1}, wider than the line graph; or "full_hessian".
        strength: "signed" or "magnitude"; with "hessian" the latter takes at most 2,000 weights.
        weighting: "unit", P as it stands; or "relative" (T7), which does not change when relu units are rescaled.
        nodes: "kernels"; or "norms", where scale and shift of every norm are a layer of nodes between two kernels, all scales before all
            shifts: norms behind the relu only, weighting "unit". Second derivatives are built for at most 2,000 such nodes.

    Returns: csr_array (n_E, n_E) without stored zeros.

    Raises: ValueError for unknown readings, bad data, or a P too large to build; capacitance needs no P.

    >>> net = MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
    >>> interaction_matrix(net, [[1.0]], [[5.0]]).toarray().tolist()     # s_1 z_0 g_2 = 1, s_2 z_1 g_3 = 2
    [[0.0, 1.0, 0.0], [0.0, 0.0, 2.0], [0.0, 0.0, 0.0]]
    """
    reading = read(interaction, strength, weighting, nodes)
    check_network(net)
    if isinstance(net, CNN):
        return _of_shared_weights(net, x, y, reading)
    if reading == FULL_HESSIAN:
        return sparse.csr_array(full_hessian_matrix(linearised(net, x, y)))
    if nodes == "norms":
        return _of_chain(net, x, y, reading)
    _check_size(net, reading)
    values = families(net, x, y)
    offsets = weight_offsets(net.widths)
    rows: list[Array] = []
    columns: list[Array] = []
    data: list[Array] = []
    for l in range(1, net.depth):
        if interaction == "explicit":
            block, (receiver, sender) = explicit_block(values, l, strength), _line_graph_indices(net.widths, l)
        else:
            block = hessian_block(net, values, l, strength)
            receiver, sender = _all_indices(block.shape)
        rows.append(receiver.ravel() + offsets[l - 1])
        columns.append(sender.ravel() + offsets[l])
        data.append(block.ravel())
    if not data:
        return sparse.csr_array((offsets[-1], offsets[-1]))
    receivers, senders = np.concatenate(rows), np.concatenate(columns)
    entries = np.concatenate(data) * _weights_of(net, reading, receivers) * _weights_of(net, reading, senders)
    P = sparse.csr_array(sparse.coo_array((entries, (receivers, senders)), shape=(offsets[-1], offsets[-1])))
    P.eliminate_zeros()
    return P


def _of_chain(net: MLP, x: ArrayLike, y: ArrayLike, reading: Reading) -> "sparse.csr_array[np.float64]":
    """P of the chain of kernels and norms: its blocks above the diagonal, every layer receiving from the next."""
    values = norm_families(net, x, y)  # checks the norms too
    sizes = [a * b for a, b in chain_shapes(net)]
    if reading.interaction == "hessian":
        blocks = norm_hessian_blocks(linearised(net, x, y))
    else:
        size = sum(a * b for a, b in pairwise(sizes))
        if size > MAX_ENTRIES:
            raise ValueError(
                f"P would have {size:,} entries, more than {MAX_ENTRIES:,}; ncap.reference.degrees and capacitance need no P"
            )
        blocks = norm_blocks(net, values, reading.strength)
    if not blocks:
        return sparse.csr_array((sum(sizes), sum(sizes)))
    entries = sparse.coo_array(sparse.block_diag(blocks))
    places = entries.row, entries.col + sizes[0]  # layer 1 sends nothing
    P = sparse.csr_array(sparse.coo_array((entries.data, places), shape=(sum(sizes), sum(sizes))))
    P.eliminate_zeros()
    return P


def _of_shared_weights(net: CNN, x: ArrayLike, y: ArrayLike, reading: Reading) -> "sparse.csr_array[np.float64]":
    check_explicit(reading)
    offsets, size = weight_offsets(net), line_graph_size(net)
    if max(size.links, size.connections) > MAX_ENTRIES:
        raise ValueError(
            f"P would have {size.links:,} entries, summed over {size.connections:,} connections, at most {MAX_ENTRIES:,} of either "
            "can be built; ncap.reference.degrees, capacitance and interaction_operator need no P"
        )
    meetings = junctions(net, x, y)
    if not meetings:
        return sparse.csr_array((offsets[-1], offsets[-1]))
    meetings = read_junctions(meetings, reading.strength)
    blocks = sparse.coo_array(
        sparse.block_diag([shared_block(net, junction, l) for l, junction in enumerate(meetings, 1)])
    )
    receivers, senders = blocks.row, blocks.col + offsets[1]  # layer 1 sends nothing
    entries = blocks.data * _weights_of(net, reading, receivers) * _weights_of(net, reading, senders)
    P = sparse.csr_array(sparse.coo_array((entries, (receivers, senders)), shape=(offsets[-1], offsets[-1])))
    P.eliminate_zeros()
    return P


def _weights_of(net: MLP | CNN, reading: Reading, nodes: Array) -> Array | float:
    """What weighting multiplies the entries of these nodes by."""
    if reading.weighting == "unit":
        return 1.0
    w = np.concatenate([kernel.ravel() for kernel in kernels_of(net)])
    return np.asarray((np.abs(w) if reading.strength == "magnitude" else w)[nodes])


def _line_graph_indices(widths: tuple[int, ...], l: int) -> tuple[Array, Array]:
    """Row (l; j->i) and column (l+1; i->k) within their layers for every [j, i, k]."""
    j, i, k = np.indices((widths[l - 1], widths[l], widths[l + 1]))
    return np.asarray(j * widths[l] + i), np.asarray(i * widths[l + 1] + k)


def _all_indices(shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Row and column of every entry of a block."""
    receiver, sender = np.indices(shape)
    return np.asarray(receiver), np.asarray(sender)


def _blocks(widths: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    return zip(widths[:-2], widths[1:-1], widths[2:], strict=True)


def _check_size(net: MLP, reading: Reading) -> None:
    weights = weight_offsets(net.widths)[-1]
    if (reading.interaction, reading.strength) == ("hessian", "magnitude") and weights > MAX_MAGNITUDE_HESSIAN_WEIGHTS:
        raise ValueError(
            f"interaction='hessian' with strength='magnitude' builds P entry by entry, for at most {MAX_MAGNITUDE_HESSIAN_WEIGHTS:,} "
            f"weights; this network has {weights:,}; use interaction='explicit', or strength='signed'"
        )
    entries = sum(a * b * c * (b if reading.interaction == "hessian" else 1) for a, b, c in _blocks(net.widths))
    if entries > MAX_ENTRIES:
        raise ValueError(
            f"P would have {entries:,} entries, more than {MAX_ENTRIES:,}; ncap.reference.degrees and capacitance need no P"
        )
