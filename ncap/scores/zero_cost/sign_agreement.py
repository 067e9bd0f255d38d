"""GradSign: on how many weights the images agree which way to go (Zhang and Jia, ICLR 2022)."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ncap.scores.contract import Score
from ncap.scores.zero_cost.differentiation import value_and_gradients
from ncap.scores.zero_cost.network import (
    Call,
    as_arrays,
    batch,
    gradients,
    intercepted,
    kernels,
    mean_loss,
    norms_of_the_batch,
    outputs,
    values_of,
    with_kernels,
)

if TYPE_CHECKING:
    import keras


AT_ONCE = 2**24  # numbers in memory: patches of some images, or gradients by a kernel


def grad_sign(model: "keras.Model", images: ArrayLike, y: ArrayLike) -> float:
    """sum_k |sum_i sign(dL_i/dtheta_k)|, with L_i the loss of image i alone.

    Larger is better, as published. Of logits (n, classes), images (n, h, w, c) and labels (n,). Every image is a batch of its own, as in
    the published code, and so batch norm takes the statistics over the places of that image alone. A network of dense layers and ordinary
    convolutions takes one backward pass for all images, any other one for each.

    Raises: ValueError for images or labels that the model cannot take.

    Without weights p = 1/2 everywhere, so that x > 0 of either class pulls both weights apart: two images agree, or cancel out.

    >>> import keras
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, use_bias=False)])
    >>> model.set_weights([np.zeros((1, 2))])
    >>> grad_sign(model, [[2.0], [1.0]], [1, 1]), grad_sign(model, [[2.0], [1.0]], [1, 0])
    (4.0, 0.0)
    """
    x, labels = batch(model, images, y)
    layers = with_kernels(model)
    votes = _together(model, layers, x, labels) if all(map(_is_plain, layers)) else _one_by_one(model, x, labels)
    return float(sum(np.abs(vote).sum() for vote in votes))


def _one_by_one(model: "keras.Model", x: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """sum_i sign(dL_i/dtheta), a backward pass per image."""
    votes: list[Any] = [0] * len(kernels(model))
    for i in range(len(x)):
        _, slopes = gradients(model, x[i : i + 1], labels[i : i + 1])
        votes = [vote + np.sign(slope) for vote, slope in zip(votes, slopes, strict=True)]
    return votes


def _together(model: "keras.Model", layers: list[Any], x: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """The same by one backward pass for all: with norms that treat images apart, dL_i/dW = sum_p patch_ip (dL/dA_ip)^T.

    A are the outputs of a layer before its activation, patch_ip the inputs that a convolution sees at place p of image i.
    """
    from keras import ops

    seen: list[Any] = []
    loss, at = mean_loss(model, x, labels), values_of(kernels(model))
    activations = {id(one): one.activation for one in layers}

    def recorded(layer: Any, call: Call) -> Call:
        def recording(inputs: Any, *args: Any, **kwargs: Any) -> Any:
            raw = call(inputs, *args, **kwargs)
            seen.append((layer, inputs, ops.zeros_like(raw)))
            return activations[id(layer)](raw)

        return recording

    def of_shifts(shifts: list[Any]) -> Any:
        left = iter(shifts)

        def shifted(layer: Any, call: Call) -> Call:
            return lambda *args, **kwargs: activations[id(layer)](call(*args, **kwargs) + next(left))

        with intercepted(layers, shifted):
            return loss(at)

    with _without_activations(layers), norms_of_the_batch(model, apart=True):
        with intercepted(layers, recorded):
            outputs(model, x)
        _, errors = value_and_gradients(of_shifts, [zeros for _, _, zeros in seen])
    return _votes(seen, errors)


def _votes(seen: list[tuple[Any, Any, Any]], errors: list[Any]) -> list[np.ndarray]:
    """Of every kernel, the sum over the images of the sign of their gradients, some images at a time."""
    from keras import ops

    of_layer: dict[int, list[tuple[Any, Any, Any]]] = {}
    for (layer, inputs, _), error in zip(seen, errors, strict=True):  # a layer may have been called several times
        of_layer.setdefault(id(layer), []).append((layer, inputs, error))
    found = []
    for calls in of_layer.values():
        layer, x, _ = calls[0]
        kernel = tuple(layer.kernel.shape)
        step = max(1, AT_ONCE // max(math.prod(x.shape[1:]) * math.prod(kernel[:-2]), math.prod(kernel)))
        vote = np.zeros(1)
        for first in range(0, x.shape[0], step):
            part = slice(first, first + step)
            slopes = [
                ops.matmul(ops.transpose(_patches(layer, x[part]), (0, 2, 1)), _places(e[part]))
                for layer, x, e in calls
            ]
            vote = vote + np.sign(sum(as_arrays(slopes))).sum(axis=0)
        found.append(vote)
    return found


def _places(values: Any) -> Any:
    """(n, places, channels)."""
    from keras import ops

    return ops.reshape(values, (values.shape[0], -1, values.shape[-1]))


def _patches(layer: Any, x: Any) -> Any:
    """What a layer sees at each place: (n, places, numbers)."""
    from keras import layers, ops

    if isinstance(layer, layers.Dense):
        return _places(x)
    return _places(ops.image.extract_patches(x, layer.kernel_size, layer.strides, layer.dilation_rate, layer.padding))


def _is_plain(layer: Any) -> bool:
    """Whether it is a dense layer, or a convolution of images that mixes all channels."""
    from keras import layers

    if type(layer) is layers.Conv2D:
        dense = layer.groups == 1 and layer.data_format == "channels_last" and layer.rank == 2
        return bool(dense and 1 in (*layer.strides[:1], *layer.dilation_rate[:1]))
    return type(layer) is layers.Dense


@contextmanager
def _without_activations(layers: list[Any]) -> Iterator[None]:
    before = [layer.activation for layer in layers]
    try:
        for layer in layers:
            layer.activation = None
        yield
    finally:
        for layer, activation in zip(layers, before, strict=True):
            layer.activation = activation


SCORE = Score(
    name="grad_sign",
    needs="network",
    source="Zhang and Jia, ICLR 2022",
    summary="on how many weights the images agree which way to go",
    function=grad_sign,
    cost="gradient",
)
