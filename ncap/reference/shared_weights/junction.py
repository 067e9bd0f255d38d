"""The neurons where two neighbouring layers of weights meet: all of the explicit P between the two, without P.

With X_p[n, i] the activation that weight p of layer l multiplies on its way into neuron i, and Y_q[n, i] the error that
weight q of layer l + 1 carries back to it, through the passage of poolings between,

    P[p, q] = mean_n sum_i s_l[n, i] X_p[n, i] Y_q[n, i].

One neuron of an MLP has one p for each j and one q for each k; shared weights meet in many neurons. sum_p X_p U_p is layer
l applied with kernel U, and sum_q V_q Y_q is layer l + 1 transposed with kernel V: products of the network's own kind.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from ncap.reference.arguments import Array
from ncap.reference.loss import read_targets, softmax, softmax_errors
from ncap.reference.mlp.backpropagation import families
from ncap.reference.mlp.perceptron import MLP
from ncap.reference.shared_weights import cnn
from ncap.reference.shared_weights.cnn import CNN
from ncap.reference.shared_weights.convolution import Dense, Layer, Shape
from ncap.reference.shared_weights.pooling import Passage
from ncap.reference.verdict import Reading


@dataclass(frozen=True)
class Junction:
    """P's block from the weights of layer l + 1 to those of layer l; sample first in every array.

    receiving, sending: layers l and l + 1. passages: what stands between. between: shape of what layer l + 1 reads.
    z: what layer l reads. s: s_l. g: g_{l+1}.
    """

    receiving: Layer
    sending: Layer
    passages: tuple[Passage, ...]
    between: Shape
    z: Array
    s: Array
    g: Array

    def sizes(self) -> "Junction":
        """The same with |.| of every factor, for strength "magnitude"."""
        return replace(self, z=np.abs(self.z), s=np.abs(self.s), g=np.abs(self.g))

    def received(self, V: Array) -> Array:
        """s * Q' K_{l+1}(V)' g: what reaches each neuron of layer l; g_l for V = W_{l+1}."""
        error = self.sending.transpose(V, self.g, self.between)
        for passage in reversed(self.passages):
            error = passage.transpose(error)
        return np.asarray(self.s * error)

    def sent(self, U: Array) -> Array:
        """Q (s * K_l(U) z): what layer l + 1 would read if layer l had the kernel U, each neuron on or off as it is."""
        activation = self.s * self.receiving.apply(U, self.z)
        for passage in self.passages:
            activation = passage.forward(activation)
        return np.asarray(activation)

    def in_product(self, V: Array) -> Array:
        """N P V, of the kernel's shape of layer l, for V of that of layer l + 1."""
        return self.receiving.gradient(self.z, self.received(V))

    def out_product(self, U: Array) -> Array:
        """N P' U, of the kernel's shape of layer l + 1, for U of that of layer l."""
        return self.sending.gradient(self.sent(U), self.g)

    def sample_products(self, U: Array, V: Array) -> Array:
        """[n], U' P V of every sample alone."""
        product = self.receiving.apply(U, self.z) * self.received(V)
        return np.asarray(product.reshape(len(product), -1).sum(axis=1))


def junctions(net: MLP | CNN, x: ArrayLike, y: ArrayLike) -> list[Junction]:
    """The L - 1 junctions of a network on data.

    Shapes: x (N, *input_shape); y integer labels (N,) or targets (N, n_L).

    >>> net = MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
    >>> [float(junction.in_product(np.ones((1, 1)))[0, 0]) for junction in junctions(net, [[1.0]], [[5.0]])]
    [1.0, 2.0]
    """
    if isinstance(net, CNN):
        return _of_cnn(net, x, y)
    values = families(net, x, y)
    dense = [Dense(layer.kernel) for layer in net.layers]
    return [
        Junction(dense[l], dense[l + 1], (), net.widths[l + 1 : l + 2], values.z[l], values.s[l], values.g[l])
        for l in range(net.depth - 1)
    ]


def read_junctions(meetings: list[Junction], strength: str) -> list[Junction]:
    """The junctions as a strength reads them."""
    return [junction.sizes() for junction in meetings] if strength == "magnitude" else meetings


def check_explicit(reading: Reading) -> None:
    """Raise ValueError unless shared weights can be read so."""
    if reading.interaction != "explicit":
        raise ValueError(
            f"interaction={reading.interaction!r} is for an MLP; a CNN's shared weights are read with interaction='explicit'"
        )
    if reading.nodes != "kernels":
        raise ValueError(f"nodes={reading.nodes!r} is for an MLP; a CNN's shared weights are read with nodes='kernels'")


def _of_cnn(net: CNN, x: ArrayLike, y: ArrayLike) -> list[Junction]:
    """From the output down: the errors of each junction are what the one above receives with its own weights."""
    u, s, passages, a = cnn.forward(net, x)
    p = softmax(a) if net.loss == "cross_entropy" else a
    targets = read_targets(y, a.shape[0], a.shape[1], net.loss)
    g = softmax_errors(p, targets) if net.loss == "cross_entropy" else p - targets
    found: list[Junction] = []
    for l in range(net.depth - 2, -1, -1):
        below, above = net.stages[l], net.stages[l + 1]
        found.append(Junction(below.layer, above.layer, passages[l], above.shape, u[l], s[l], g))
        g = found[-1].received(above.layer.kernel)
    return found[::-1]
