"""G_A: a ReLU MLP, its parameters read and checked once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ncap.reference.arguments import Array, array_list, choose, finite
from ncap.reference.loss import LOSSES

NORMS = ("after", "before")


@dataclass(frozen=True, eq=False)
class MLP:
    """A ReLU MLP without dropout: L kernels, optional biases, and optional frozen norms of the hidden layers.

    Args:
        kernels: L arrays (n_{l-1}, n_l) of floats.
        biases: L arrays (n_l,), None in place of one for a layer without; None for no biases at all.
        scales, shifts: L - 1 arrays (n_l,) of the hidden layers' norms, None as for biases.
        norm: "after" the relu (dense, relu, norm: the probe's order) or "before" it (dense, norm, relu).
        loss: "cross_entropy" of softmax(a_L), or "squared_error" 1/2 |a_L - y|^2; the mean over samples.
        means, deviations: L - 1 arrays (n_l,), the fixed statistics by which a norm centres and divides before it scales and shifts; None
            for mean 0 and deviation 1. A hidden layer has a norm where any of the four is given.

    Attributes: layers, every layer's parameters with the statistics folded in; norms, those of every hidden layer as they were given.

    Raises: ValueError for shapes that do not follow one another, NaN or infinity, deviations that are not above 0, unknown norm or loss.

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
    means: Sequence[ArrayLike | None] | None = None
    deviations: Sequence[ArrayLike | None] | None = None
    layers: tuple["Layer", ...] = field(init=False)
    norms: tuple["Norm", ...] = field(init=False)
    biased: tuple[bool, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Read every parameter as float64 and check it once."""
        choose("norm", self.norm, NORMS)
        choose("loss", self.loss, LOSSES)
        # Copies, of the vectors as well, so that what has been checked cannot change.
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
        lists = {name: _listed(name, getattr(self, name), widths) for name in _MISSING}
        parts = {name: _vectors(name, *listed, _MISSING[name]) for name, listed in lists.items()}
        given = {name: tuple(value is not None for value in values) for name, (values, _) in lists.items()}
        for i, deviation in enumerate(parts["deviations"]):
            if not (deviation > 0).all():
                raise ValueError(f"deviations[{i}] must be above 0, the norm divides by them; got {deviation.min()}")
        of_norm = [name for name in parts if name != "biases"]
        there = map(any, zip(*(given[name] for name in of_norm), strict=True))
        norms = tuple(map(Norm, *(parts[name] for name in of_norm), there))
        last = np.ones(widths[-1]), np.zeros(widths[-1])
        scales, shifts = zip(*(norm.folded for norm in norms), last, strict=True)
        for name, values in {"kernels": kernels, **parts}.items():
            object.__setattr__(self, name, tuple(values))
        object.__setattr__(self, "layers", tuple(map(Layer, kernels, parts["biases"], scales, shifts)))
        object.__setattr__(self, "norms", norms)
        object.__setattr__(self, "biased", given["biases"])

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
    """One layer's parameters in float64: kernel (n_in, n_out); bias, scale, shift (n_out,).

    Of a network's layer the statistics of the norm are folded into scale and shift.
    """

    kernel: Array
    bias: Array
    scale: Array
    shift: Array


class Norm(NamedTuple):
    """The norm of a hidden layer, k (a - mean) / deviation + c, each (n,) in float64; `there` is False where the layer has none.

    >>> Norm(*map(np.array, ([4.0], [1.0], [3.0], [2.0])), True).folded     # 4 (a - 3) / 2 + 1 = 2 a - 5
    (array([2.]), array([-5.]))
    """

    scale: Array
    shift: Array
    mean: Array
    deviation: Array
    there: bool

    @property
    def folded(self) -> tuple[Array, Array]:
        """Scale and shift of what is neither centred nor divided."""
        scale = self.scale / self.deviation
        return scale, self.shift - scale * self.mean


def check_net(net: object) -> None:
    """Raise TypeError unless `net` is an MLP."""
    if not isinstance(net, MLP):
        raise TypeError(
            f"net must be an ncap.reference.MLP, got {type(net).__name__}; build one from its kernels, MLP([W_1, ..., W_L])"
        )


# Vectors of a layer -> what stands for one that is not given.
_MISSING = {"biases": 0.0, "scales": 1.0, "shifts": 0.0, "means": 0.0, "deviations": 1.0}


def _listed(name: str, values: Any, widths: list[int]) -> tuple[list[Any], list[int]]:
    """The vectors of a name, one for each layer that may have one, and their widths: the last layer has a bias, but no norm."""
    widths = widths if name == "biases" else widths[:-1]
    return [None] * len(widths) if values is None else array_list(name, values), widths


def _vectors(name: str, values: list[Any], widths: list[int], missing: float) -> list[Array]:
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
