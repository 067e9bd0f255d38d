"""A network as a list of operations in topological order: what each does to a shape, and what it costs. No framework is loaded here.

The list is that of the backbone files (`ncap.candidates.backbones`); `ncap.candidates.assembly` makes a Keras model of it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

IMAGE = "input"  # what the first operations read
ACTIVATIONS = ("linear", "relu", "relu6", "leaky_relu")
CONVOLUTIONS = ("conv", "depthwise")
Shape = tuple[int, int, int]  # height, width, channels; pooled features are 1 x 1 x channels
Padding = str | Sequence[Sequence[int]] | None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One step of a network.

    Attributes:
        name: of its output.
        type: "conv", "depthwise", "dense", "maxpool", "global_avgpool", "add", "multiply", "concat" (of channels), "channel_shuffle"
            or "slice" (of channels).
        inputs: the names of the outputs that it reads, or "input".
        act, alpha: the activation after the bias, one of `ACTIVATIONS`, and the slope of leaky_relu below 0.
        key, store, shape, bcast, bias: where its weights are, as float16 or as 8-bit integers ("q8"), the kernel's shape, the shape
            that a scale per channel is broadcast as, and whether there is a bias.
        stride: of windows; padding: "SAME" as TensorFlow pads, one more behind than before where the number is odd, "VALID", or zeros
            [[top, bottom], [left, right]].
        groups: of the channels of a convolution or a shuffle. A depthwise kernel (h, w, c, m) has a group per channel whatever it says.
        size: of the windows of a pooling.
        keepdims: whether pooled features stay maps of 1 x 1.
        start, stop: of a slice.
    """

    name: str
    type: str
    inputs: Sequence[str]
    act: str = "linear"
    alpha: float = 0.0
    key: str = ""
    store: str = ""
    shape: Sequence[int] = ()
    bcast: Sequence[int] = ()
    bias: bool = False
    stride: int = 1
    padding: Padding = None
    groups: int = 1
    size: int = 1
    keepdims: bool = False
    start: int = 0
    stop: int = 0

    @property
    def channels(self) -> int:
        """How many channels the output of a convolution or dense layer has."""
        return self.shape[2] * self.shape[3] if self.type == "depthwise" else self.shape[-1]


def read(entries: Sequence[Mapping[str, Any]]) -> list[Operation]:
    """The operations that a file lists; entries about which an operation says nothing, such as where it came from, are left out.

    Raises ValueError for a type, an activation or an input that is not known, and for a name that comes twice.

    >>> read([{"name": "a", "type": "tanh", "inputs": ["input"]}])
    Traceback (most recent call last):
    ValueError: operation 'a' has the type 'tanh'; known: conv, depthwise, dense, maxpool, global_avgpool, add, multiply, concat, \
channel_shuffle, slice
    """
    known = {field.name for field in fields(Operation)}
    operations = [Operation(**{key: value for key, value in entry.items() if key in known}) for entry in entries]
    seen = {IMAGE}
    for one in operations:
        if one.type not in _SHAPES:
            raise ValueError(f"operation {one.name!r} has the type {one.type!r}; known: {', '.join(_SHAPES)}")
        if one.act not in ACTIVATIONS:
            raise ValueError(f"operation {one.name!r} has the activation {one.act!r}; known: {', '.join(ACTIVATIONS)}")
        if missing := [name for name in one.inputs if name not in seen]:
            raise ValueError(f"operation {one.name!r} reads {missing[0]!r}, which no operation before it writes")
        if one.name in seen:
            raise ValueError(f"two operations are called {one.name!r}")
        seen.add(one.name)
    return operations


def leading_to(operations: Sequence[Operation], name: str) -> list[Operation]:
    """The operations that the output `name` depends on, in their order. Raises ValueError if there is no such output.

    >>> steps = [Operation(name=name, type="add", inputs=[source]) for name, source in (("a", "input"), ("b", "a"), ("c", "a"))]
    >>> [one.name for one in leading_to(steps, "c")]
    ['a', 'c']
    """
    if name not in {one.name for one in operations}:
        raise ValueError(f"no operation writes {name!r}")
    needed, kept = {name}, []
    for one in reversed(operations):
        if one.name in needed:
            needed.update(one.inputs)
            kept.append(one)
    return kept[::-1]


def shapes(operations: Sequence[Operation], image: Shape) -> dict[str, Shape]:
    """The shape (height, width, channels) of every output for images of a shape.

    Raises ValueError where nothing is left of an image because it is too small, naming the operation.

    >>> conv = Operation(name="a", type="conv", inputs=["input"], shape=(3, 3, 3, 8), stride=2, padding="VALID")
    >>> shapes([conv], (32, 32, 3))["a"]
    (15, 15, 8)
    """
    found = {IMAGE: image}
    for one in operations:
        shape = _SHAPES[one.type](one, [found[name] for name in one.inputs])
        if min(shape) < 1:
            raise ValueError(
                f"of images of {image[0]} x {image[1]}, {one.type} {one.name!r} leaves {shape[0]} x {shape[1]}"
            )
        found[one.name] = shape
    return found


def smallest_side(operations: Sequence[Operation], channels: int, most: int) -> int:
    """The smallest side of square images of which every operation leaves something, at most `most`.

    >>> conv = Operation(name="a", type="conv", inputs=["input"], shape=(3, 3, 3, 8), stride=2, padding="VALID")
    >>> smallest_side([conv], 3, 224)
    3
    """
    for side in range(1, most):
        try:
            shapes(operations, (side, side, channels))
        except ValueError:
            continue
        return side
    return most


def parameters(operations: Sequence[Operation], normalised: bool) -> int:
    """The number of weights: kernels, and per channel a bias, or in its place the four numbers of a batch norm after a convolution.

    >>> conv = Operation(name="a", type="conv", inputs=["input"], shape=(3, 3, 3, 8), bias=True)
    >>> parameters([conv], normalised=False), parameters([conv], normalised=True)
    (224, 248)
    """
    return sum(math.prod(one.shape) + _offsets(one, normalised) for one in operations if one.shape)


def multiply_adds(operations: Sequence[Operation], image: Shape) -> int:
    """Multiplications of all kernels with one image of a shape; norms, biases and pooling are left out.

    >>> conv = Operation(name="a", type="conv", inputs=["input"], shape=(3, 3, 3, 8), stride=2, padding="SAME")
    >>> multiply_adds([conv], (32, 32, 3)) == 16 * 16 * 3 * 3 * 3 * 8
    True
    """
    found = shapes(operations, image)
    return sum(math.prod(one.shape) * math.prod(found[one.name][:2]) for one in operations if one.shape)


def _offsets(one: Operation, normalised: bool) -> int:
    if normalised and one.type in CONVOLUTIONS:
        return 4 * one.channels
    return one.channels if one.bias else 0


def _side(one: Operation, side: int, axis: int, window: int) -> int:
    """ceil(side / stride) when padded "SAME", else as many windows as fit."""
    if one.padding == "SAME":
        return -(-side // one.stride)
    added = 0 if isinstance(one.padding, str) or one.padding is None else sum(one.padding[axis])
    return (side + added - window) // one.stride + 1


def _windows(one: Operation, inputs: list[Shape]) -> Shape:
    height, width, _ = inputs[0]
    return _side(one, height, 0, one.shape[0]), _side(one, width, 1, one.shape[1]), one.channels


def _pooled(one: Operation, inputs: list[Shape]) -> Shape:
    height, width, channels = inputs[0]
    return _side(one, height, 0, one.size), _side(one, width, 1, one.size), channels


_SHAPES = {
    "conv": _windows,
    "depthwise": _windows,
    "dense": lambda one, _: (1, 1, one.channels),
    "maxpool": _pooled,
    "global_avgpool": lambda _, inputs: (1, 1, inputs[0][2]),
    "add": lambda _, inputs: inputs[0],
    "multiply": lambda _, inputs: max(inputs),  # a gate of 1 x 1 scales maps
    "concat": lambda _, inputs: (*inputs[0][:2], sum(shape[2] for shape in inputs)),
    "channel_shuffle": lambda _, inputs: inputs[0],
    "slice": lambda one, inputs: (*inputs[0][:2], one.stop - one.start),
}
