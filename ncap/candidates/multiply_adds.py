"""Multiply-adds of one image through a Keras model: what it costs to run, before anything is timed.

Counted are convolutions, dense layers, matrix products and attention, biases left out. Norms, activations, pooling and sums are not:
in common networks they are a few per cent.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import keras
from keras import layers


def count_multiply_adds(model: keras.Model) -> int | None:
    """Multiply-adds of one image (h, w, c) through the model; None where they cannot be counted.

    A convolution costs h_out w_out k_h k_w c_in c_out / groups, a dense layer n_in n_out at each place. A layer that is called twice
    counts twice, a model inside the model as its layers. They cannot be counted where the input leaves a side open, in a model that is not
    a graph of layers, and in a layer of another kind that holds a matrix.

    >>> count_multiply_adds(keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(10)]))
    5328
    >>> 6 * 6 * 3 * 3 * 3 * 4 + 6 * 6 * 4 * 10
    5328
    """
    try:
        return sum(_of_call(node) for node in _calls(model))
    except _UnknownError:
        return None


class _UnknownError(Exception):
    """A call whose multiply-adds cannot be counted."""


def _calls(model: keras.Model) -> Iterator[Any]:
    """Each call of a layer or of an operation in the model's graph, as Keras' node: operation, arguments, inputs and outputs."""
    if isinstance(model, keras.Sequential):
        model = model._functional  # what Keras builds of it; None before its input is known
    by_depth = getattr(model, "_nodes_by_depth", None)
    if by_depth is None:
        raise _UnknownError
    for node in itertools.chain.from_iterable(by_depth.values()):
        if isinstance(node.operation, keras.Model):
            yield from _calls(node.operation)
        else:
            yield node


def _of_call(node: Any) -> int:
    operation = node.operation
    for kind, count in _COUNTS.items():
        if isinstance(operation, kind):
            return count(node)
    if type(operation).__name__ == "Matmul":  # keras.ops.matmul, whose class Keras keeps to itself
        return _matrix_product(node)
    if any(len(weight.shape) > 1 for weight in getattr(operation, "weights", [])):
        raise _UnknownError
    return 0


def _size(shape: Any) -> int:
    """Number of entries of a shape (n, ...) for one image."""
    if None in shape[1:]:
        raise _UnknownError
    return math.prod(shape[1:])


def _places(tensor: Any, layer: Any) -> int:
    """Number of places of a convolution's maps: their entries over their channels."""
    channels = 1 if layer.data_format == "channels_first" else -1
    return _size(tensor.shape) // tensor.shape[channels]


def _convolution(node: Any) -> int:
    # the kernel is (*sides, c_in / groups, c_out)
    return _places(node.output_tensors[0], node.operation) * math.prod(node.operation.kernel.shape)


def _transposed_convolution(node: Any) -> int:
    return _places(node.input_tensors[0], node.operation) * math.prod(node.operation.kernel.shape)


def _separable_convolution(node: Any) -> int:
    layer = node.operation
    kernels = (layer.depthwise_kernel, layer.pointwise_kernel)
    return _places(node.output_tensors[0], layer) * sum(math.prod(kernel.shape) for kernel in kernels)


def _dense(node: Any) -> int:
    return _size(node.output_tensors[0].shape) * node.input_tensors[0].shape[-1]


def _einsum(node: Any) -> int:
    """Entries of the output times the sizes of the kernel's letters that are summed over."""
    layer = node.operation
    inputs, output = layer.equation.split("->")
    letters = inputs.split(",")[1]
    summed = (size for letter, size in zip(letters, layer.kernel.shape, strict=True) if letter not in output)
    return _size(node.output_tensors[0].shape) * math.prod(summed)


def _matrix_product(node: Any) -> int:
    return _size(node.output_tensors[0].shape) * node.input_tensors[0].shape[-1]


def _attention(node: Any) -> int:
    """Four projections, and for each of T queries the products with S keys and the sums of S values, in every head."""
    layer, (query, value, key) = node.operation, _attended(node)
    if {len(one.shape) for one in (query, value, key)} != {3}:
        raise _UnknownError  # attention along some of several axes
    places, others = query.shape[1], value.shape[1]
    keys, values = layer.num_heads * layer.key_dim, layer.num_heads * layer.value_dim
    if places is None or others is None:
        raise _UnknownError
    projections = places * query.shape[2] * keys + others * (key.shape[2] * keys + value.shape[2] * values)
    return projections + places * others * (keys + values) + places * values * node.output_tensors[0].shape[-1]


def _attended(node: Any) -> tuple[Any, Any, Any]:
    given = dict(zip(("query", "value", "key"), node.arguments.args, strict=False)) | node.arguments.kwargs
    return given["query"], given["value"], given["value"] if given.get("key") is None else given["key"]


# The first kind that fits counts, so that those derived from another kind come before it.
_COUNTS: dict[Any, Callable[[Any], int]] = {
    (layers.DepthwiseConv1D, layers.DepthwiseConv2D): _convolution,
    (layers.SeparableConv1D, layers.SeparableConv2D): _separable_convolution,
    (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose): _transposed_convolution,
    (layers.Conv1D, layers.Conv2D, layers.Conv3D): _convolution,
    layers.Dense: _dense,
    layers.EinsumDense: _einsum,
    layers.MultiHeadAttention: _attention,
    layers.Embedding: lambda node: 0,  # looked up, not multiplied
}
