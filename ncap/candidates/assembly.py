"""A Keras model from a list of operations and their weights, with or without batch norm after every convolution."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import keras
import numpy as np
from keras import KerasTensor, layers

from ncap.candidates.operations import CONVOLUTIONS, IMAGE, Operation, Shape

MOMENTUM = 0.9  # a few hundred training images make few steps an epoch: with Keras' 0.99 the statistics would lag behind for 30 epochs
EPSILON = 1e-3  # Keras' own


class Pixels(NamedTuple):
    """How raw pixels 0..255 are normalised: (x - mean) / deviation, the channels in the order "RGB" or "BGR"."""

    mean: Sequence[float]
    deviation: Sequence[float]
    order: str = "RGB"


class Weights(NamedTuple):
    """Of one operation: the kernel as Keras shapes it, and the bias (channels,), 0 where it has none."""

    kernel: np.ndarray
    bias: np.ndarray


class Statistics(NamedTuple):
    """Mean and variance (channels,) of what a convolution puts out before its activation, bias included."""

    mean: np.ndarray
    variance: np.ndarray


@dataclass
class Graph:
    """The symbolic outputs of all operations by name, `raw` before the activation; what is assigned to each layer once it is built."""

    images: KerasTensor
    outputs: dict[str, KerasTensor]
    raw: dict[str, KerasTensor] = field(default_factory=dict)


def assemble(
    operations: Sequence[Operation],
    image: Shape,
    pixels: Pixels,
    weights: Mapping[str, Weights],
    statistics: Mapping[str, Statistics] | None = None,
) -> Graph:
    """The graph of the operations on raw RGB images of a shape.

    statistics: None for convolutions with their bias; else each is followed by a batch norm with these statistics in place of the bias,
    whose scale and shift undo them, so that the network computes the same:

        gamma = sqrt(variance + epsilon),    beta = mean,    moving mean = mean - bias,    moving variance = variance

    for `mean` that includes the bias. Any finite statistics give the same function at inference; in training the batch's own take their
    place, and gamma and beta keep each channel's range.
    """
    images = keras.Input(image, name="images")
    graph = Graph(images, {IMAGE: _normalised(images, pixels)})
    for one in operations:
        inputs = [graph.outputs[name] for name in one.inputs]
        if one.shape:
            found = None if statistics is None else statistics.get(one.name)
            raw = _weighted(one, inputs[0], weights[one.name], found)
            graph.raw[one.name] = raw
        else:
            raw = _COMBINED[one.type](one, inputs)
        graph.outputs[one.name] = _activated(one, raw)
    return graph


def fresh_weights(operations: Sequence[Operation], seed: int) -> dict[str, Weights]:
    """Random weights, the same on every backend: kernels normal with variance gain / fan-in, gain 2 before a relu (He et al. 2015), else 1;
    biases 0.
    """
    generator = np.random.default_rng(seed)
    drawn = {}
    for one in operations:
        if one.shape:
            fan_in = np.prod(one.shape[:2] if one.type == "depthwise" else one.shape[:-1])
            deviation = np.sqrt((1.0 if one.act == "linear" else 2.0) / fan_in)
            kernel = generator.normal(0.0, deviation, tuple(one.shape)).astype(np.float32)
            drawn[one.name] = Weights(kernel, np.zeros(one.channels, np.float32))
    return drawn


def standard_statistics(operations: Sequence[Operation]) -> dict[str, Statistics]:
    """Mean 0 and a variance that makes gamma 1: those of a batch norm that has seen nothing."""
    return {
        one.name: Statistics(np.zeros(one.channels), np.full(one.channels, 1.0 - EPSILON))
        for one in operations
        if one.type in CONVOLUTIONS
    }


def _normalised(images: KerasTensor, pixels: Pixels) -> KerasTensor:
    mean, deviation = np.asarray(pixels.mean, float), np.asarray(pixels.deviation, float)
    ordered = keras.ops.flip(images, axis=-1) if pixels.order == "BGR" else images
    return layers.Rescaling((1 / deviation).tolist(), (-mean / deviation).tolist(), name="normalised")(ordered)


def _weighted(one: Operation, x: KerasTensor, weights: Weights, statistics: Statistics | None) -> KerasTensor:
    layer, x = _layer(one, x, use_bias=one.bias and statistics is None)
    x = layer(x)
    layer.set_weights([weights.kernel, weights.bias] if layer.use_bias else [weights.kernel])
    return x if statistics is None else _batch_norm(one, x, weights.bias, statistics)


def _batch_norm(one: Operation, x: KerasTensor, bias: np.ndarray, statistics: Statistics) -> KerasTensor:
    mean, variance = np.asarray(statistics.mean, float), np.asarray(statistics.variance, float)
    norm = layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON, name=f"{one.name}_norm")
    x = norm(x)
    norm.set_weights([np.sqrt(variance + EPSILON), mean, mean - bias, variance])
    return x


def _layer(one: Operation, x: KerasTensor, use_bias: bool) -> tuple[layers.Layer, KerasTensor]:
    if one.type == "dense":
        return layers.Dense(one.channels, use_bias=use_bias, name=one.name), _flat(x)
    padding, x = _padded(one, x)
    if one.type == "depthwise":
        return layers.DepthwiseConv2D(
            tuple(one.shape[:2]),
            one.stride,
            padding,
            depth_multiplier=one.shape[3],
            use_bias=use_bias,
            name=one.name,
        ), x
    return layers.Conv2D(
        one.channels, tuple(one.shape[:2]), one.stride, padding, groups=one.groups, use_bias=use_bias, name=one.name
    ), x


def _padded(one: Operation, x: KerasTensor) -> tuple[str, KerasTensor]:
    """Keras' word for the padding, and the input with the zeros that Keras would not put there."""
    if isinstance(one.padding, str):
        return one.padding.lower(), x
    zeros = tuple(tuple(pair) for pair in one.padding or ((0, 0), (0, 0)))
    return "valid", layers.ZeroPadding2D(zeros, name=f"{one.name}_zeros")(x)


def _flat(x: KerasTensor) -> KerasTensor:
    return layers.Flatten()(x) if len(x.shape) > 2 else x


def _activated(one: Operation, x: KerasTensor) -> KerasTensor:
    if one.act == "linear":
        return x
    if one.act == "leaky_relu":
        return layers.LeakyReLU(negative_slope=one.alpha, name=f"{one.name}_act")(x)
    return layers.ReLU(max_value=6.0 if one.act == "relu6" else None, name=f"{one.name}_act")(x)


def _max_pooled(one: Operation, inputs: list[KerasTensor]) -> KerasTensor:
    padding, x = _padded(one, inputs[0])
    return layers.MaxPooling2D(one.size, one.stride, padding, name=one.name)(x)


def _shuffled(one: Operation, inputs: list[KerasTensor]) -> KerasTensor:
    """Channels as (groups, c / groups), transposed."""
    _, height, width, channels = inputs[0].shape
    x = layers.Reshape((height, width, one.groups, channels // one.groups), name=f"{one.name}_groups")(inputs[0])
    return layers.Reshape((height, width, channels), name=one.name)(layers.Permute((1, 2, 4, 3))(x))


_COMBINED = {
    "maxpool": _max_pooled,
    "global_avgpool": lambda one, inputs: layers.GlobalAveragePooling2D(keepdims=one.keepdims, name=one.name)(
        inputs[0]
    ),
    "add": lambda one, inputs: layers.Add(name=one.name)(inputs),
    "multiply": lambda one, inputs: layers.Multiply(name=one.name)(inputs),
    "concat": lambda one, inputs: layers.Concatenate(name=one.name)(inputs),
    "channel_shuffle": _shuffled,
    "slice": lambda one, inputs: inputs[0][..., one.start : one.stop],
}
