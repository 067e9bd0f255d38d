"""Layers of shared weights, in Keras' layouts: convolution, depthwise convolution, and dense, whose window is the whole image.

Images are (N, height, width, channels), vectors (N, n). With K(V) the linear map of a layer whose kernel is V, every layer has

    apply(V, u) = K(V) u,   transpose(V, g, shape) = K(V)' g,   gradient(u, g) = d <g, K(V) u> / dV,

summed over the samples, shape being that of one input. K is linear in V, so that gradient does not depend on V. A convolution
takes one matrix product per entry of its window, and no memory beyond its inputs and outputs: no patches are laid out.
"""

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ncap.reference.arguments import Array, finite
from ncap.reference.shared_weights.window import Window, pair, places, read_padding, whole, window

Shape = tuple[int, ...]


class Channels(NamedTuple):
    """Which channels the entries e of kernel[i, j], in C order, join: e comes from channel e // (entries / come), goes to e % go.

    entries: how many there are. come, go: channels of the input and of the output.
    """

    entries: int
    come: int
    go: int

    @property
    def sent(self) -> int:
        """Entries that leave one channel of the input; they follow one another."""
        return self.entries // self.come


@dataclass(frozen=True, eq=False)
class Conv2D:
    """Convolution as Keras' Conv2D: a[h,w,d] = sum_{i,j,c} kernel[i,j,c,d] u[stride h + i - before, stride w + j - before, c] + bias[d].

    Args:
        kernel: (height, width, channels in, channels out). bias: (channels out,), None for none.
        strides: a whole number, or (height, width). padding: "valid", or "same" with zeros around the image.

    Raises: ValueError for other shapes, NaN or infinity, bad strides, unknown padding.

    >>> Conv2D(np.ones((2, 2, 1, 3)), strides=2).output_shape((4, 5, 1))
    (2, 2, 3)
    """

    kernel: Array
    bias: Array | None = None
    strides: int | tuple[int, int] = 1
    padding: str = "valid"

    def __post_init__(self) -> None:
        """Read every parameter and check it once."""
        _read_convolution(self, "channels out")

    def windows(self, shape: Shape) -> tuple[Window, Window]:
        """Rows and columns of the window on images of this shape."""
        return _windows(self, shape)

    def output_shape(self, shape: Shape) -> Shape:
        """(height, width, channels) of an output, from that of an input."""
        rows, columns = self.windows(shape)
        return rows.outputs, columns.outputs, self.kernel.shape[3]

    def channels(self, shape: Shape) -> Channels:
        """Every channel of the input joined to every one of the output."""
        come, go = self.kernel.shape[2:]
        return Channels(come * go, come, go)

    def apply(self, V: Array, u: Array) -> Array:
        """K(V) u."""
        a = np.zeros((len(u), *self.output_shape(u.shape[1:])), np.result_type(V, u))
        for entry, cells, outputs in places(*self.windows(u.shape[1:])):
            a[outputs] += _product(u[cells], V[entry])
        return a

    def transpose(self, V: Array, g: Array, shape: Shape) -> Array:
        """K(V)' g, (N, *shape)."""
        u = np.zeros((len(g), *shape), np.result_type(V, g))
        for entry, cells, outputs in places(*self.windows(shape)):
            u[cells] += _product(g[outputs], V[entry].T)
        return u

    def gradient(self, u: Array, g: Array) -> Array:
        """Derivative of <g, K(V) u> by V, of the kernel's shape."""
        dV = np.zeros(self.kernel.shape, np.result_type(u, g))
        for entry, cells, outputs in places(*self.windows(u.shape[1:])):
            dV[entry] = _flat(u[cells]).T @ _flat(g[outputs])
        return dV


@dataclass(frozen=True, eq=False)
class DepthwiseConv2D:
    """Depthwise convolution as in Keras: each channel c on its own gives the m channels c m, ..., c m + m - 1.

    Args:
        kernel: (height, width, channels, m). bias: (channels m,), None for none. strides, padding: as in Conv2D.

    Raises: ValueError as Conv2D.

    >>> DepthwiseConv2D(np.ones((3, 3, 2, 1)), padding="same").output_shape((4, 4, 2))
    (4, 4, 2)
    """

    kernel: Array
    bias: Array | None = None
    strides: int | tuple[int, int] = 1
    padding: str = "valid"

    def __post_init__(self) -> None:
        """Read every parameter and check it once."""
        _read_convolution(self, "m")

    def windows(self, shape: Shape) -> tuple[Window, Window]:
        """Rows and columns of the window on images of this shape."""
        return _windows(self, shape)

    def output_shape(self, shape: Shape) -> Shape:
        """(height, width, channels) of an output, from that of an input."""
        rows, columns = self.windows(shape)
        return rows.outputs, columns.outputs, prod(self.kernel.shape[2:])

    def channels(self, shape: Shape) -> Channels:
        """Every channel of the input joined to m of its own."""
        come, m = self.kernel.shape[2:]
        return Channels(come * m, come, come * m)

    def apply(self, V: Array, u: Array) -> Array:
        """K(V) u."""
        rows, columns = self.windows(u.shape[1:])
        a = np.zeros((len(u), rows.outputs, columns.outputs, *self.kernel.shape[2:]), np.result_type(V, u))
        for entry, cells, outputs in places(rows, columns):
            a[outputs] += u[cells][..., None] * V[entry]
        return a.reshape(*a.shape[:3], -1)

    def transpose(self, V: Array, g: Array, shape: Shape) -> Array:
        """K(V)' g, (N, *shape)."""
        u = np.zeros((len(g), *shape), np.result_type(V, g))
        for entry, cells, outputs in places(*self.windows(shape)):
            u[cells] += np.einsum("nhwcm,cm->nhwc", self._by_channel(g)[outputs], V[entry])
        return u

    def gradient(self, u: Array, g: Array) -> Array:
        """Derivative of <g, K(V) u> by V, of the kernel's shape."""
        dV = np.zeros(self.kernel.shape, np.result_type(u, g))
        for entry, cells, outputs in places(*self.windows(u.shape[1:])):
            dV[entry] = np.einsum("nhwc,nhwcm->cm", u[cells], self._by_channel(g)[outputs])
        return dV

    def _by_channel(self, g: Array) -> Array:
        """Errors of the outputs as [n, h, w, c, m]."""
        return g.reshape(*g.shape[:3], *self.kernel.shape[2:])


@dataclass(frozen=True, eq=False)
class Dense:
    """Dense layer as in Keras, a = u kernel + bias; after Flatten, a convolution whose window is the whole image.

    Args:
        kernel: (inputs, outputs). bias: (outputs,), None for none.

    Raises: ValueError for other shapes, NaN or infinity.

    >>> Dense([[1.0, 2.0]]).output_shape((1,))
    (2,)
    """

    kernel: Array
    bias: Array | None = None

    def __post_init__(self) -> None:
        """Read both parameters and check them once."""
        kernel = _kernel(self.kernel, "(inputs, outputs)")
        object.__setattr__(self, "kernel", kernel)
        object.__setattr__(self, "bias", _bias(self.bias, kernel.shape[1]))

    def windows(self, shape: Shape) -> tuple[Window, Window]:
        """Rows and columns of the image (height, width, channels) that was flattened."""
        return whole(shape[0]), whole(shape[1])

    def output_shape(self, shape: Shape) -> Shape:
        """(outputs,), from (inputs,)."""
        if len(shape) != 1:
            raise ValueError(
                f"Dense takes vectors, got images {shape}; put Flatten() or GlobalAveragePooling2D() before it"
            )
        if shape[0] != self.kernel.shape[0]:
            raise ValueError(f"kernel must have {shape[0]} rows, one for each input, got {self.kernel.shape}")
        return (self.kernel.shape[1],)

    def channels(self, shape: Shape) -> Channels:
        """Every channel of the image (height, width, channels) that was flattened, joined to every output."""
        come, go = shape[2], self.kernel.shape[1]
        return Channels(come * go, come, go)

    def apply(self, V: Array, u: Array) -> Array:
        """K(V) u = u V."""
        return np.asarray(u @ V)

    def transpose(self, V: Array, g: Array, shape: Shape) -> Array:
        """K(V)' g = g V'."""
        return np.asarray(g @ V.T)

    def gradient(self, u: Array, g: Array) -> Array:
        """Derivative of <g, u V> by V, u' g."""
        return np.asarray(u.T @ g)


Layer = Conv2D | DepthwiseConv2D | Dense


def _windows(layer: Conv2D | DepthwiseConv2D, shape: Shape) -> tuple[Window, Window]:
    kernel = layer.kernel.shape
    if len(shape) != 3:
        raise ValueError(f"{type(layer).__name__} takes images (height, width, channels), got inputs of shape {shape}")
    if shape[2] != kernel[2]:
        raise ValueError(f"kernel must have {shape[2]} channels in, to match its inputs {shape}, got {kernel}")
    strides = pair("strides", layer.strides)
    rows, columns = (window(*axis, layer.padding) for axis in zip(shape, kernel, strides, strict=False))
    return rows, columns


def _read_convolution(layer: Conv2D | DepthwiseConv2D, last: str) -> None:
    kernel = _kernel(layer.kernel, f"(height, width, {'channels in' if last != 'm' else 'channels'}, {last})")
    outputs = prod(kernel.shape[2:]) if last == "m" else kernel.shape[3]
    object.__setattr__(layer, "kernel", kernel)
    object.__setattr__(layer, "bias", _bias(layer.bias, outputs))
    object.__setattr__(layer, "strides", pair("strides", layer.strides))
    read_padding(layer.padding)


def _kernel(kernel: ArrayLike, axes: str) -> Array:
    """A copy, so that what has been checked cannot change."""
    array = finite("kernel", kernel).copy()
    if array.ndim != axes.count(",") + 1 or 0 in array.shape:
        raise ValueError(f"kernel must have shape {axes}, each at least 1, got {array.shape}")
    return array


def _bias(bias: ArrayLike | None, outputs: int) -> Array:
    array = np.zeros(outputs) if bias is None else finite("bias", bias).copy()
    if array.shape != (outputs,):
        raise ValueError(f"bias must have shape ({outputs},), one for each channel out, got {array.shape}")
    return array


def _flat(images: Array) -> Array:
    """[pixels of all samples, channels]."""
    return images.reshape(-1, images.shape[-1])


def _product(images: Array, matrix: Array) -> Array:
    """Every pixel's channels times a matrix, by one product."""
    return np.asarray(_flat(images) @ matrix).reshape(*images.shape[:-1], matrix.shape[1])
