"""phi: G_A -> G_B. The nodes of the line graph are the weights of G_A, its links run against the forward pass."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy import sparse


def line_graph(widths: Sequence[int]) -> "sparse.csr_array[np.bool_]":
    """Line graph of an MLP's weights: link (l+1; i->k) to (l; j->i) for each neuron i of a hidden layer they share.

    The links run the way the error flows, the reverse of the forward line graph; the row receives, the column sends:
    B[(l; j->i), (l+1; i->k)] is True. Nodes are the weights in C order of each kernel (n_{l-1}, n_l), layer after layer.

    Args:
        widths: (n_0, ..., n_L), each at least 1, L at least 1.

    Returns: boolean csr_array (n_E, n_E), n_E = sum_l n_{l-1} n_l, with sum_{l<L} n_{l-1} n_l n_{l+1} links.

    Raises: ValueError for fewer than two widths or one below 1. Source: paper, map phi; MATHEMATICS.md, section 2.

    >>> line_graph((1, 2, 1)).astype(int).toarray().tolist()     # weights 1->1, 1->2 of W_1, then 1->1, 2->1 of W_2
    [[0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    """
    if len(widths) < 2 or not all(width >= 1 and width % 1 == 0 for width in widths):
        raise ValueError(
            f"widths must be at least two whole numbers of at least 1, (n_0, ..., n_L), got {tuple(widths)!r}"
        )
    widths = [int(width) for width in widths]
    offsets = weight_offsets(widths)
    columns, out_degrees = [], []
    for l in range(1, len(widths)):
        n_in, n, n_out = widths[l - 1], widths[l], widths[l + 1] if l + 1 < len(widths) else 0
        # The weights that neuron i sends on are consecutive: row i of W_{l+1}; each of its n_in receivers lists them.
        receivers = np.tile(np.arange(n * n_out), n_in) + offsets[l]
        columns.append(receivers)
        out_degrees.append(np.full(n_in * n, n_out))
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(out_degrees))])
    indices = np.concatenate(columns)
    return sparse.csr_array((np.ones(len(indices), dtype=bool), indices, indptr), shape=(offsets[-1], offsets[-1]))


def weight_offsets(widths: Sequence[int]) -> list[int]:
    """Index of each layer's first weight in the node order, and behind them the number of weights n_E.

    >>> weight_offsets((2, 3, 1))
    [0, 6, 9]
    """
    return [0, *(int(end) for end in np.cumsum([a * b for a, b in pairwise(widths)]))]
