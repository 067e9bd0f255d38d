"""G_A with shared weights: a ReLU CNN and its forward pass.

The letters of ncap.reference.mlp, with layers of weights l = 1..L, K_l the linear map of layer l's kernel W_l, and Q_l the
passage through the poolings after it:

    u_0 = Q_0 x,   a_l = K_l u_{l-1} + b_l,   z_l = relu(a_l),   u_l = Q_l z_l   for l < L,   loss of a_L,
    s_l = relu'(a_l),   g_L = p - y,   g_l = s_l * (Q_l' K_{l+1}' g_{l+1})   per sample, not over N.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ncap.reference.arguments import Array, array_list, choose, finite
from ncap.reference.loss import LOSSES
from ncap.reference.mlp.perceptron import MLP
from ncap.reference.shared_weights.convolution import Conv2D, Dense, DepthwiseConv2D, Layer, Shape
from ncap.reference.shared_weights.pooling import (
    AveragePooling2D,
    Between,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    Passage,
)

WITH_WEIGHTS = (Conv2D, DepthwiseConv2D, Dense)
BETWEEN = (AveragePooling2D, MaxPooling2D, GlobalAveragePooling2D, Flatten)


class Step(NamedTuple):
    """A layer without weights, the shape of its input, and that of the image (height, width, channels) that a vector was."""

    layer: Between
    shape: Shape
    image: Shape


class Stage(NamedTuple):
    """A layer of weights, its input as in Step, and what comes between it and the next one."""

    layer: Layer
    shape: Shape
    image: Shape
    steps: tuple[Step, ...]


@dataclass(frozen=True, eq=False)
class CNN:
    """A ReLU CNN: relu after every layer of weights but the last, poolings and flatten wherever they fit.

    Args:
        layers: Conv2D, DepthwiseConv2D, Dense, AveragePooling2D, MaxPooling2D, GlobalAveragePooling2D, Flatten, all of
            ncap.reference; the last is a Dense.
        input_shape: that of one sample, (height, width, channels) or (n,).
        loss: "cross_entropy" of softmax(a_L), or "squared_error" 1/2 |a_L - y|^2; the mean over samples.

    Raises: TypeError for other layers; ValueError naming the layer that does not fit what comes before it.

    >>> CNN([Conv2D(np.ones((3, 3, 1, 2))), Flatten(), Dense(np.ones((8, 2)))], input_shape=(4, 4, 1))
    CNN(Conv2D (2, 2, 2), Flatten (8,), Dense (2,), input_shape=(4, 4, 1), loss='cross_entropy')
    """

    layers: Sequence[Layer | Between]
    input_shape: Shape
    loss: str = "cross_entropy"
    entrance: tuple[Step, ...] = field(init=False)
    stages: tuple[Stage, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Follow the shapes from the input to the output once."""
        choose("loss", self.loss, LOSSES)
        shape, layers = _read_shape(self.input_shape), array_list("layers", self.layers, of="layers")
        stages: list[tuple[Layer, Shape, Shape]] = []
        steps: list[list[Step]] = [[]]
        for layer, before, image in _followed(layers, shape):
            if isinstance(layer, WITH_WEIGHTS):
                stages.append((layer, before, image))
                steps.append([])
            else:
                steps[-1].append(Step(layer, before, image))
        if not layers or not isinstance(layers[-1], Dense):
            last = type(layers[-1]).__name__ if layers else "no layer at all"
            raise ValueError(f"layers must end with a Dense, whose outputs are the classes, got {last}")
        object.__setattr__(self, "layers", tuple(layers))
        object.__setattr__(self, "input_shape", shape)
        object.__setattr__(self, "entrance", tuple(steps[0]))
        object.__setattr__(
            self, "stages", tuple(Stage(*s, tuple(between)) for s, between in zip(stages, steps[1:], strict=True))
        )

    @property
    def depth(self) -> int:
        """L, the number of layers of weights."""
        return len(self.stages)

    @property
    def kernels(self) -> tuple[Array, ...]:
        """W_1, ..., W_L, each in its layer's shape."""
        return tuple(stage.layer.kernel for stage in self.stages)

    def __repr__(self) -> str:
        """Every layer with its output's shape: the arrays are too long to read."""
        names = [
            f"{type(layer).__name__} {layer.output_shape(shape)}"
            for layer, shape, _ in _followed(self.layers, self.input_shape)
        ]
        return f"CNN({', '.join(names)}, input_shape={self.input_shape}, loss={self.loss!r})"


def check_network(net: object) -> None:
    """Raise TypeError unless `net` is an MLP or a CNN."""
    if not isinstance(net, MLP | CNN):
        raise TypeError(
            f"net must be an ncap.reference.MLP or CNN, got {type(net).__name__}; build one from its kernels, MLP([W_1, ..., W_L])"
        )


def kernels_of(net: MLP | CNN) -> list[Array]:
    """W_1, ..., W_L of either network."""
    return list(net.kernels) if isinstance(net, CNN) else [layer.kernel for layer in net.layers]


class Forward(NamedTuple):
    """u = [u_0..u_{L-1}], s = [s_1..s_{L-1}], passages = [Q_1..Q_{L-1}] step by step, and a_L; sample first everywhere."""

    u: list[Array]
    s: list[Array]
    passages: list[tuple[Passage, ...]]
    a: Array


def forward(net: CNN, x: ArrayLike) -> Forward:
    """The forward pass: what every layer of weights reads, which of its outputs are active, and the last pre-activation.

    >>> net = CNN([Conv2D([[[[2.0]]]]), GlobalAveragePooling2D(), Dense([[3.0]])], input_shape=(1, 2, 1))
    >>> u, s, _, a = forward(net, [[[[1.0], [-1.0]]]])     # relu(2), relu(-2), of which the mean is 1
    >>> u[1].tolist(), s[0].ravel().tolist(), a.tolist()
    ([[1.0]], [1.0, 0.0], [[3.0]])
    """
    passed, _ = _pass(net.entrance, _read_images(x, net.input_shape))
    u, s, passages = [passed], [], []
    for stage in net.stages[:-1]:
        a = stage.layer.apply(stage.layer.kernel, u[-1]) + stage.layer.bias
        s.append((a > 0).astype(np.float64))
        passed, at = _pass(stage.steps, np.maximum(a, 0))
        u.append(passed)
        passages.append(at)
    top = net.stages[-1].layer
    return Forward(u, s, passages, top.apply(top.kernel, u[-1]) + top.bias)


def _pass(steps: tuple[Step, ...], z: Array) -> tuple[Array, tuple[Passage, ...]]:
    passages = []
    for step in steps:
        passages.append(step.layer.at(z))
        z = passages[-1].forward(z)
    return z, tuple(passages)


def _followed(layers: Sequence[Layer | Between], shape: Shape) -> Iterator[tuple[Layer | Between, Shape, Shape]]:
    """Every layer with the shape of its input, and with that of the image behind it."""
    image = shape if len(shape) == 3 else (1, 1, *shape)
    for i, layer in enumerate(layers):
        if not isinstance(layer, WITH_WEIGHTS + BETWEEN):
            given = layer if isinstance(layer, type) else type(layer).__name__
            raise TypeError(f"layers[{i}] must be a layer of ncap.reference, such as Conv2D(kernel), got {given}")
        try:
            after = layer.output_shape(shape)
        except ValueError as error:
            raise ValueError(f"layers[{i}]: {error}") from None
        yield layer, shape, image
        if not isinstance(layer, Flatten):
            image = after if len(after) == 3 else (1, 1, *after)
        shape = after


def _read_shape(shape: object) -> Shape:
    if (
        not isinstance(shape, tuple | list)
        or len(shape) not in (1, 3)
        or not all(isinstance(n, int | np.integer) and n >= 1 for n in shape)
    ):
        raise ValueError(f"input_shape must be (height, width, channels) or (n,), each at least 1, got {shape!r:.80}")
    return tuple(int(n) for n in shape)


def _read_images(x: ArrayLike, shape: Shape) -> Array:
    """The images as finite float64 of shape (N, *shape), N at least 1; ValueError otherwise."""
    inputs = finite("x", x)
    if inputs.shape[1:] != shape or not inputs.size:
        wanted = ", ".join(map(str, ("N", *shape)))
        raise ValueError(f"x must have shape ({wanted}), N at least 1: samples come first; got {inputs.shape}")
    return inputs
