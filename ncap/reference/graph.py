"""phi: G_A -> G_B. The nodes of the line graph are the weights of G_A, its links run against the forward pass."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

MAX_LINKS = 200_000_000  # 1.8 GB of indices and values


def line_graph(widths: Sequence[int]) -> "sparse.csr_array[np.bool_]":
    """Line graph of an MLP's weights: link (l+1; i->k) to (l; j->i) for each neuron i of a hidden layer they share.

    The links run the way the error flows, the reverse of the forward line graph; the row receives, the column sends:
    B[(l; j->i), (l+1; i->k)] is True. Nodes are the weights in C order of each kernel (n_{l-1}, n_l), layer after layer.

    Args:
        widths: (n_0, ..., n_L), each at least 1, L at least 1.

    Returns: boolean csr_array (n_E, n_E), n_E = sum_l n_{l-1} n_l, with sum_{l<L} n_{l-1} n_l n_{l+1} links.

    Raises: ValueError for fewer than two widths, one below 1, or more than 200 million links.
    Source: paper, map phi; MATHEMATICS.md, section 2.

    >>> line_graph((1, 2, 1)).astype(int).toarray().tolist()     # weights 1->1, 1->2 of W_1, then 1->1, 2->1 of W_2
    [[0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    """
    widths = _whole_widths(widths)
    links = sum(a * b * c for a, b, c in zip(widths[:-2], widths[1:-1], widths[2:], strict=True))
    if links > MAX_LINKS:
        raise ValueError(
            f"widths {tuple(widths)} give a line graph of {links:,} links, more than {MAX_LINKS:,}; "
            "ncap.reference.degrees and capacitance need no graph"
        )
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

    Raises: ValueError for fewer than two widths or one below 1.

    >>> weight_offsets((2, 3, 1))
    [0, 6, 9]
    """
    return [0, *(int(end) for end in np.cumsum([a * b for a, b in pairwise(_whole_widths(widths))]))]


def _whole_widths(widths: Any) -> list[int]:
    try:
        whole = [int(width) for width in widths if width >= 1 and width % 1 == 0]
        fits = len(whole) == len(widths) >= 2
    except (TypeError, ValueError):  # no sequence, or not of numbers
        fits = False
    if not fits:
        raise ValueError(
            f"widths must be at least two whole numbers of at least 1, (n_0, ..., n_L), got {widths!r:.80}"
        )
    return whole
