"""Layers without weights: pooling and flatten, in Keras' layouts.

Each has output_shape(shape) and at(z), its passage at activations z: the linear map Q that it is there, with
forward(t) = Q t and transpose(g) = Q' g. For a maximum Q chooses the largest value, the first of equal ones.
"""

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np

from ncap.reference.arguments import Array
from ncap.reference.shared_weights.convolution import Shape
from ncap.reference.shared_weights.window import Window, pair, places, read_padding, whole, window


@dataclass(frozen=True)
class _WindowPooling:
    """What poolings over sliding windows have in common; channel by channel, as in Keras."""

    pool_size: int | tuple[int, int] = 2
    strides: int | tuple[int, int] | None = None
    padding: str = "valid"

    def __post_init__(self) -> None:
        """Check every parameter once."""
        pair("pool_size", self.pool_size)
        if self.strides is not None:
            pair("strides", self.strides)
        read_padding(self.padding)

    def windows(self, shape: Shape) -> tuple[Window, Window]:
        """Rows and columns of the window on images of this shape."""
        _check_image(self, shape)
        size = pair("pool_size", self.pool_size)
        strides = size if self.strides is None else pair("strides", self.strides)
        rows, columns = (window(*axis, self.padding) for axis in zip(shape, size, strides, strict=False))
        return rows, columns

    def output_shape(self, shape: Shape) -> Shape:
        """(height, width, channels) of an output, from that of an input."""
        rows, columns = self.windows(shape)
        return rows.outputs, columns.outputs, shape[2]


@dataclass(frozen=True)
class AveragePooling2D(_WindowPooling):
    """Mean over windows, channel by channel, as in Keras: padding is not counted.

    Args:
        pool_size: a whole number, or (height, width). strides: the same; None for pool_size. padding: "valid" or "same".

    Raises: ValueError for other values.

    >>> AveragePooling2D(2).at(np.ones((1, 2, 2, 1))).forward(np.array([1.0, 2.0, 3.0, 6.0]).reshape(1, 2, 2, 1)).tolist()
    [[[[3.0]]]]
    """

    def at(self, z: Array) -> "Mean":
        """The mean, whatever z."""
        return Mean(*self.windows(z.shape[1:]), z.shape[1:])


@dataclass(frozen=True)
class MaxPooling2D(_WindowPooling):
    """Largest of each window, channel by channel, as in Keras: padding is never chosen.

    Args:
        pool_size: a whole number, or (height, width). strides: the same; None for pool_size. padding: "valid" or "same".

    Raises: ValueError for other values.

    >>> at = MaxPooling2D(2).at(np.array([1.0, 2.0, 3.0, 0.0]).reshape(1, 2, 2, 1))
    >>> at.forward(np.array([4.0, 5.0, 6.0, 7.0]).reshape(1, 2, 2, 1)).item()     # the third is the largest
    6.0
    """

    def at(self, z: Array) -> "Choice":
        """The choice of the largest z, in row-major order the first of equal ones."""
        rows, columns = self.windows(z.shape[1:])
        largest = np.full((len(z), rows.outputs, columns.outputs, z.shape[3]), -np.inf)
        choice = np.zeros(largest.shape, np.int32)
        for (a, b), cells, outputs in places(rows, columns):
            better = z[cells] > largest[outputs]
            largest[outputs] = np.where(better, z[cells], largest[outputs])
            choice[outputs] = np.where(better, a * columns.size + b, choice[outputs])
        return Choice(rows, columns, z.shape[1:], choice)


@dataclass(frozen=True)
class GlobalAveragePooling2D:
    """Mean of every channel over the image, as in Keras: images become vectors (channels,).

    >>> GlobalAveragePooling2D().output_shape((4, 4, 3))
    (3,)
    """

    def windows(self, shape: Shape) -> tuple[Window, Window]:
        """The whole image."""
        return whole(shape[0]), whole(shape[1])

    def output_shape(self, shape: Shape) -> Shape:
        """(channels,), from (height, width, channels)."""
        _check_image(self, shape)
        return (shape[2],)

    def at(self, z: Array) -> "ImageMean":
        """The mean, whatever z."""
        return ImageMean(z.shape[1:])


@dataclass(frozen=True)
class Flatten:
    """Images (height, width, channels) as vectors, in C order, as in Keras.

    >>> Flatten().output_shape((4, 4, 3))
    (48,)
    """

    def output_shape(self, shape: Shape) -> Shape:
        """(height * width * channels,)."""
        return (prod(shape),)

    def at(self, z: Array) -> "Reshape":
        """The same values, whatever z."""
        return Reshape(z.shape[1:])


class Mean(NamedTuple):
    """Q of an average over windows."""

    rows: Window
    columns: Window
    shape: Shape

    def forward(self, t: Array) -> Array:
        """Q t."""
        out = np.zeros((len(t), self.rows.outputs, self.columns.outputs, self.shape[2]))
        for _, cells, outputs in places(self.rows, self.columns):
            out[outputs] += t[cells]
        return np.asarray(out / self.sizes())

    def transpose(self, g: Array) -> Array:
        """Q' g."""
        out, shares = np.zeros((len(g), *self.shape)), g / self.sizes()
        for _, cells, outputs in places(self.rows, self.columns):
            out[cells] += shares[outputs]
        return out

    def sizes(self) -> Array:
        """[h, w, 1], how many pixels each window holds."""
        return np.asarray(np.multiply.outer(*(axis.inside().sum(axis=0) for axis in self[:2]))[..., None])


class Choice(NamedTuple):
    """Q of a maximum: choice[n, h, w, c] is the chosen entry of the window, in C order."""

    rows: Window
    columns: Window
    shape: Shape
    choice: Array

    def forward(self, t: Array) -> Array:
        """Q t."""
        out = np.zeros(self.choice.shape)
        for (a, b), cells, outputs in places(self.rows, self.columns):
            out[outputs] += t[cells] * (self.choice[outputs] == a * self.columns.size + b)
        return out

    def transpose(self, g: Array) -> Array:
        """Q' g."""
        out = np.zeros((len(g), *self.shape))
        for (a, b), cells, outputs in places(self.rows, self.columns):
            out[cells] += g[outputs] * (self.choice[outputs] == a * self.columns.size + b)
        return out


class ImageMean(NamedTuple):
    """Q of an average over the whole image."""

    shape: Shape

    def forward(self, t: Array) -> Array:
        """Q t."""
        return np.asarray(t.mean(axis=(1, 2)))

    def transpose(self, g: Array) -> Array:
        """Q' g."""
        height, width, _ = self.shape
        return np.broadcast_to(g[:, None, None, :] / (height * width), (len(g), *self.shape))


class Reshape(NamedTuple):
    """Q of Flatten."""

    shape: Shape

    def forward(self, t: Array) -> Array:
        """Q t."""
        return t.reshape(len(t), -1)

    def transpose(self, g: Array) -> Array:
        """Q' g."""
        return g.reshape(len(g), *self.shape)


Between = AveragePooling2D | MaxPooling2D | GlobalAveragePooling2D | Flatten
Passage = Mean | Choice | ImageMean | Reshape


def _check_image(layer: object, shape: Shape) -> None:
    if len(shape) != 3:
        raise ValueError(f"{type(layer).__name__} takes images (height, width, channels), got inputs of shape {shape}")
