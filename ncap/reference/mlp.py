"""G_A: a ReLU MLP, its forward pass, its backpropagated errors and its gradients (Eq. 5).

Letters of this package. Samples are rows. W_l has shape (n_{l-1}, n_l), l = 1..L, Keras layout;

    z_0 = x,   a_l = z_{l-1} W_l + b_l,   z_l = relu(a_l)   for l < L,   loss of a_L,
    s_l = relu'(a_l) in {0, 1}, relu'(0) = 0,   g_L = p - y,   g_l = s_l * (g_{l+1} W_{l+1}^T)   per sample, not over N.

A frozen batch norm of scale k and shift c enters z_l and s_l only: "after" the relu z_l = k relu(a_l) + c and
s_l = k [a_l > 0]; "before" it z_l = relu(k a_l + c) and s_l = k [k a_l + c > 0].
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ncap.reference.arguments import array_list, as_array, choose, described, finite

Array = NDArray[Any]
LOSSES = ("cross_entropy", "squared_error")
NORMS = ("after", "before")


@dataclass(frozen=True, eq=False)
class MLP:
    """A ReLU MLP without dropout: L kernels, optional biases, and optional frozen norms of the hidden layers.

    Args:
        kernels: L arrays (n_{l-1}, n_l) of floats.
        biases: L arrays (n_l,), None inside for a layer without one; None for no bias at all.
        scales, shifts: L - 1 arrays (n_l,) of the hidden layers' norms, None as for biases.
        norm: "after" the relu (dense, relu, norm: the probe's order) or "before" it (dense, norm, relu).
        loss: "cross_entropy" of softmax(a_L), or "squared_error" 1/2 |a_L - y|^2; the mean over samples.

    Raises: ValueError for shapes that do not follow one another, NaN or infinity, unknown norm or loss.

    >>> net = MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
    >>> net.depth, net.widths
    (3, (1, 1, 1, 1))
    """

    kernels: Sequence[ArrayLike]
    biases: Sequence[ArrayLike | None] | None = None
    scales: Sequence[ArrayLike | None] | None = None
    shifts: Sequence[ArrayLike | None] | None = None
    norm: str = "after"
    loss: str = "cross_entropy"
    layers: tuple["Layer", ...] = field(init=False)

    def __post_init__(self) -> None:
        """Read every parameter as float64 and check it once."""
        choose("norm", self.norm, NORMS)
        choose("loss", self.loss, LOSSES)
        # Copies, of the vectors too: what has been checked stays as it was.
        kernels = [
            finite(f"kernels[{i}]", kernel).copy() for i, kernel in enumerate(array_list("kernels", self.kernels))
        ]
        if not kernels:
            raise ValueError("kernels is empty; pass at least one array of shape (n_in, n_out)")
        for i, kernel in enumerate(kernels):
            if kernel.ndim != 2 or 0 in kernel.shape:
                raise ValueError(f"kernels[{i}] must have shape (n_in, n_out), both at least 1, got {kernel.shape}")
            if i and kernels[i - 1].shape[1] != kernel.shape[0]:
                raise ValueError(
                    f"kernels[{i}] must have {kernels[i - 1].shape[1]} rows, one for each output of kernels[{i - 1}], got {kernel.shape}"
                )
        widths = [kernel.shape[1] for kernel in kernels]
        biases = _vectors("biases", self.biases, widths, 0.0)
        scales = _vectors("scales", self.scales, widths[:-1], 1.0)
        shifts = _vectors("shifts", self.shifts, widths[:-1], 0.0)
        ones, zeros = [*scales, np.ones(widths[-1])], [*shifts, np.zeros(widths[-1])]
        for name, values in (("kernels", kernels), ("biases", biases), ("scales", scales), ("shifts", shifts)):
            object.__setattr__(self, name, tuple(values))
        object.__setattr__(self, "layers", tuple(map(Layer, kernels, biases, ones, zeros)))

    @property
    def depth(self) -> int:
        """L, the number of kernels."""
        return len(self.layers)

    @property
    def widths(self) -> tuple[int, ...]:
        """(n_0, n_1, ..., n_L)."""
        return (self.layers[0].kernel.shape[0], *(layer.kernel.shape[1] for layer in self.layers))

    def __repr__(self) -> str:
        """Widths, norm and loss: the arrays are too long to read."""
        return f"MLP(widths={self.widths}, norm={self.norm!r}, loss={self.loss!r})"


class Layer(NamedTuple):
    """One layer's parameters in float64: kernel (n_in, n_out); bias, scale, shift (n_out,)."""

    kernel: Array
    bias: Array
    scale: Array
    shift: Array


class Families(NamedTuple):
    """What one forward pass and one pass of errors leave behind, each entry (N, n_l).

    z = [z_0..z_{L-1}], s = [s_1..s_{L-1}], g = [g_2..g_L] (for L = 1: [g_1]), p = the output, softmax(a_L) or a_L.
    """

    z: list[Array]
    s: list[Array]
    g: list[Array]
    p: Array


def forward(net: MLP, x: ArrayLike) -> tuple[list[Array], list[Array], Array]:
    """The forward pass: activations [z_0..z_{L-1}], derivatives [s_1..s_{L-1}] and the last pre-activation a_L.

    Shapes: x (N, n_0); every z_l and s_l (N, n_l); a_L (N, n_L).

    >>> net = MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
    >>> z, s, a = forward(net, [[1.0]])
    >>> [float(z_l[0, 0]) for z_l in z], [float(s_l[0, 0]) for s_l in s], float(a[0, 0])
    ([1.0, 2.0, 6.0], [1.0, 1.0], 6.0)
    """
    check_net(net)
    z, s = [read_inputs(x, net.widths[0])], []
    for layer in net.layers[:-1]:
        a = z[-1] @ layer.kernel
        a += layer.bias
        if net.norm == "before":
            a *= layer.scale
            a += layer.shift
        active = a > 0
        s.append(active * layer.scale)
        np.maximum(a, 0, out=a)
        if net.norm == "after":
            a *= layer.scale
            a += layer.shift
        z.append(a)
    return z, s, z[-1] @ net.layers[-1].kernel + net.layers[-1].bias


def families(net: MLP, x: ArrayLike, y: ArrayLike) -> Families:
    """The families z, s, g of T0: everything that the interaction matrix P is made of.

    Shapes: x (N, n_0); y integer labels (N,), or floats (N, n_L), which for cross_entropy are >= 0 and sum to 1 per row.

    >>> net = MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
    >>> [float(g_l[0, 0]) for g_l in families(net, [[1.0]], [[5.0]]).g]     # g_3 = 6 - 5, g_2 = g_3 W_3
    [1.0, 1.0]
    """
    z, s, a = forward(net, x)
    p = softmax(a) if net.loss == "cross_entropy" else a
    g = [p - read_targets(y, a.shape[0], a.shape[1], net.loss)]
    for layer, s_l in zip(net.layers[:1:-1], s[:0:-1], strict=True):
        g.append(s_l * (g[-1] @ layer.kernel.T))
    return Families(z, s, g[::-1], p)


def gradients(net: MLP, x: ArrayLike, y: ArrayLike) -> list[Array]:
    """Gradients of the mean loss by the kernels (Eq. 5): dC/dW_l = z_{l-1}^T g_l / N, L arrays (n_{l-1}, n_l).

    >>> net = MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
    >>> [float(dW[0, 0]) for dW in gradients(net, [[1.0]], [[5.0]])]     # g_1 = 3: 1*3, 2*1, 6*1
    [3.0, 2.0, 6.0]
    """
    values = families(net, x, y)
    return [z_l.T @ g_l / len(values.p) for z_l, g_l in zip(values.z, all_errors(net, values), strict=True)]


def all_errors(net: MLP, values: Families) -> list[Array]:
    """[g_1, ..., g_L], each (N, n_l): the families lack g_1, of which P has no use."""
    if net.depth == 1:
        return values.g
    return [values.s[0] * (values.g[0] @ net.layers[1].kernel.T), *values.g]


def softmax(a: Array) -> Array:
    """exp(a) / sum exp(a) over the last axis, shifted so that nothing overflows.

    >>> softmax(np.array([[1000.0, 1000.0]])).tolist()
    [[0.5, 0.5]]
    """
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def read_inputs(x: ArrayLike, width: int) -> Array:
    """X as finite float64 of shape (N, width), N at least 1; ValueError otherwise."""
    inputs = finite("x", x)
    if inputs.ndim != 2 or inputs.shape[1] != width or not len(inputs):
        raise ValueError(f"x must have shape (N, {width}), N at least 1: samples are rows; got {inputs.shape}")
    return inputs


def read_targets(y: ArrayLike, n: int, classes: int, loss: str) -> Array:
    """Y as float64 of shape (n, classes): integer labels become one-hot, float targets are checked.

    Raises: ValueError for labels outside 0..classes-1, fractional labels, wrong shapes, NaN, and for cross_entropy
    targets that are negative or do not sum to 1.

    >>> read_targets([1, 0], 2, 2, "cross_entropy").tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    labels = as_array("y", y)
    if labels.shape == (n, 1) and classes > 1:
        labels = labels[:, 0]  # a column of labels, as some loaders give them
    if labels.ndim == 1 and len(labels) == n:
        if labels.dtype.kind not in "iu":
            raise ValueError(
                f"labels y must be integers, got dtype {labels.dtype}; {_label_remedy(labels)}, or targets of shape ({n}, {classes})"
            )
        if labels.min() < 0 or labels.max() >= classes:
            raise ValueError(
                f"labels y must lie in 0..{classes - 1}, one for each output, got {labels.min()}..{labels.max()}"
            )
        return np.asarray(np.eye(classes)[labels])
    if labels.shape != (n, classes):
        raise ValueError(
            f"y must be integer labels of shape ({n},) or targets of shape ({n}, {classes}), got {described(y, labels)}"
        )
    targets = finite("y", labels)
    if loss == "cross_entropy":
        if targets.min() < 0:
            raise ValueError(f"cross_entropy targets y must be at least 0, got {targets.min()}")
        worst = int(np.abs(targets.sum(axis=1) - 1).argmax())
        if abs(targets[worst].sum() - 1) > 1e-6:  # float32 one-hot and softened labels pass, percentages do not
            raise ValueError(
                f"cross_entropy targets y must sum to 1 in every row, row {worst} sums to "
                f"{targets[worst].sum():.8g}; divide by the row sums"
            )
    return targets


def check_net(net: object) -> None:
    """Raise TypeError unless `net` is an MLP."""
    if not isinstance(net, MLP):
        raise TypeError(
            f"net must be an ncap.reference.MLP, got {type(net).__name__}; build one of its kernels, MLP([W_1, ..., W_L])"
        )


def _label_remedy(labels: Array) -> str:
    if labels.dtype.kind not in "bf":
        return "number the classes, y = np.unique(y, return_inverse=True)[1]"
    fractional = labels[~np.isin(labels % 1, 0)] if labels.dtype.kind == "f" else labels[:0]
    return "pass y.astype(int)" + (f" once they are whole numbers, {fractional[0]} is none" if len(fractional) else "")


def _vectors(name: str, values: Sequence[ArrayLike | None] | None, widths: list[int], missing: float) -> list[Array]:
    values = [None] * len(widths) if values is None else array_list(name, values)
    if len(values) != len(widths):
        raise ValueError(f"{name} must have {len(widths)} entries, None where a layer has none, got {len(values)}")
    vectors = [
        np.full(width, missing) if value is None else finite(f"{name}[{i}]", value).copy()
        for i, (value, width) in enumerate(zip(values, widths, strict=True))
    ]
    for i, (vector, width) in enumerate(zip(vectors, widths, strict=True)):
        if vector.shape != (width,):
            raise ValueError(f"{name}[{i}] must have shape ({width},), got {vector.shape}")
    return vectors
