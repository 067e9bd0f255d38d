"""Physical connections: every pair of neurons that a weight joins, one by one, and P by definition as a sum over them."""

from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ncap.reference.shared_weights.cnn import CNN
from ncap.reference.shared_weights.convolution import Channels, Layer, Shape
from ncap.reference.shared_weights.junction import Junction
from ncap.reference.shared_weights.pooling import Choice, ImageMean, Passage, Reshape
from ncap.reference.shared_weights.window import Window, whole


class Connections(NamedTuple):
    """Connection m leads through entry `weight[m]` of a layer's kernel from neuron `source[m]` to neuron `target[m]`, in C order."""

    weight: NDArray[np.intp]
    source: NDArray[np.intp]
    target: NDArray[np.intp]


def connections(layer: Layer, image: Shape) -> Connections:
    """The connections of a layer on images (height, width, channels), (1, 1, n) for vectors; none leads from the padding.

    >>> from ncap.reference.shared_weights.convolution import Conv2D
    >>> connections(Conv2D([[[[1.0]], [[1.0]]]]), (1, 3, 1)).weight.tolist()     # two entries, two places each
    [0, 0, 1, 1]
    """
    return _joined(*layer.windows(image), layer.channels(image))


def shared_block(net: CNN, junction: Junction, l: int) -> "sparse.csr_array[np.float64]":
    """P's block from the weights of layer l + 1 to those of layer l, l = 1..L-1, as a sum over physical connections.

        P[p, q] = mean_n sum s_l[n, i] u_{l-1}[n, j] Q_l[n, i, i'] g_{l+1}[n, k]

    over connections j -> i of weight p and i' -> k of weight q, Q_l the share of i that the poolings pass on to i'. Of a
    junction of magnitudes (Junction.sizes) it is the sum of magnitudes.

    Returns: csr_array (weights of layer l, weights of layer l + 1).
    """
    below, above = net.stages[l - 1], net.stages[l]
    entering, leaving = connections(below.layer, below.image), connections(above.layer, above.image)
    neurons, inputs = junction.s[0].size, prod(junction.between)
    total = sparse.csr_array((below.layer.kernel.size, above.layer.kernel.size))
    for n, (z, s, g) in enumerate(zip(junction.z, junction.s, junction.g, strict=True)):
        entered = sparse.csr_array(
            (z.ravel()[entering.source] * s.ravel()[entering.target], (entering.weight, entering.target)),
            shape=(below.layer.kernel.size, neurons),
        )
        for passage in junction.passages:
            entered = entered @ _passed(passage, n)
        left = sparse.csr_array(
            (g.ravel()[leaving.target], (leaving.source, leaving.weight)), shape=(inputs, above.layer.kernel.size)
        )
        total = total + entered @ left
    total.data /= len(junction.s)
    return total


def _passed(passage: Passage, n: int) -> "sparse.csr_array[np.float64]":
    """[i, i'], the share of neuron i that sample n's passage passes on to i'."""
    if isinstance(passage, Reshape):
        return sparse.csr_array(sparse.eye_array(prod(passage.shape)))
    height, width, depth = passage.shape
    rows, columns = (whole(height), whole(width)) if isinstance(passage, ImageMean) else (passage.rows, passage.columns)
    joined = _joined(rows, columns, Channels(depth, depth, depth))
    if isinstance(passage, Choice):
        shares = passage.choice[n].ravel()[joined.target] == joined.weight // depth
    else:
        shares = 1 / np.bincount(joined.target)[joined.target]
    shape = height * width * depth, rows.outputs * columns.outputs * depth
    return sparse.csr_array((shares.astype(np.float64), (joined.source, joined.target)), shape=shape)


def _joined(rows: Window, columns: Window, channels: Channels) -> Connections:
    (a, h), (b, w) = (np.nonzero(axis.inside()) for axis in (rows, columns))
    m, n, e = (index.ravel() for index in np.indices((len(a), len(b), channels.entries)))
    row, column = rows.cells()[a, h], columns.cells()[b, w]
    return Connections(
        (a[m] * columns.size + b[n]) * channels.entries + e,
        (row[m] * columns.length + column[n]) * channels.come + e // channels.sent,
        (h[m] * columns.outputs + w[n]) * channels.go + e % channels.go,
    )
