"""A Keras model as the proxies see it: a function of its kernels, with batch norm in a mode of theirs, and its layers within reach."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ncap.arguments import numbers
from ncap.scores.zero_cost.differentiation import value_and_gradients

if TYPE_CHECKING:
    import keras

Call = Callable[..., Any]


def with_head(body: "keras.Model", classes: int) -> "keras.Model":
    """The body under mean pooling and a linear layer, whose kernel is uniform within 1 / sqrt(features) and always the same."""
    import keras

    features = body.outputs[0]
    if features.ndim > 2:
        features = keras.layers.Reshape((-1, features.shape[-1]))(features)
        features = keras.layers.GlobalAveragePooling1D()(features)
    uniform = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform", seed=0)
    return keras.Model(body.inputs[0], keras.layers.Dense(classes, kernel_initializer=uniform)(features))


def layers_of(model: "keras.Model", *kinds: type) -> list[Any]:
    """The layers of a model and of those inside it, each once; of some kinds, where any are given."""
    found = {id(layer): layer for layer in model._flatten_layers(include_self=False)}
    return [layer for layer in found.values() if not kinds or isinstance(layer, kinds)]


def kernels(model: "keras.Model") -> list[Any]:
    """The variables theta: the kernels of its dense layers and convolutions, in the order of the layers.

    Raises: ValueError where there is none.
    """
    found = {id(one): one for layer in layers_of(model) for one in layer.weights if is_kernel(one)}
    if not found:
        raise ValueError(
            f"the network {model.name!r} has no kernel; a proxy needs a dense layer or a convolution of Keras"
        )
    return list(found.values())


def is_kernel(variable: Any) -> bool:
    """Whether a variable is the kernel of one of Keras' layers, by its name."""
    return str(variable.name).endswith("kernel")


def gaussian_weights(model: "keras.Model", generator: np.random.Generator) -> list[tuple[Any, np.ndarray]]:
    """(variable, value) of every number that it computes with: kernels from N(0, 1), biases 0, norms that neither scale nor shift."""

    def drawn(variable: Any) -> np.ndarray:
        if is_kernel(variable):
            return np.asarray(generator.normal(size=tuple(variable.shape)))
        return np.full(tuple(variable.shape), 1.0 if str(variable.name).endswith(("gamma", "variance")) else 0.0)

    return [(one, drawn(one)) for one in model.variables if "float" in str(one.dtype)]


def with_kernels(model: "keras.Model") -> list[Any]:
    """The layers that hold a kernel of their own, and no layer that does."""
    holding = [layer for layer in layers_of(model) if any(is_kernel(one) for one in layer.weights)]
    return [
        layer for layer in holding if not any(is_kernel(one) for inner in layers_of(layer) for one in inner.weights)
    ]


def batch(model: "keras.Model", images: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Images float32 (n, h, w, c) and labels (n,), checked against the model. Raises ValueError for what it cannot take."""
    x, labels = np.asarray(numbers("images", images), np.float32), numbers("y", y)
    shape = model.input_shape[1:]
    if x.ndim != len(shape) + 1 or any(side not in (None, own) for side, own in zip(shape, x.shape[1:], strict=True)):
        raise ValueError(
            f"images must have the shape (n, {', '.join(map(str, shape))}) that the network takes, got {x.shape}"
        )
    if labels.shape != (len(x),) or labels.dtype.kind not in "ui":
        raise ValueError(
            f"y must be whole numbers of the shape ({len(x)},), one per image, got dtype {labels.dtype} of shape {labels.shape}"
        )
    classes = model.output_shape[-1]
    if len(labels) == 0 or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"y must name one of the network's {classes} classes, 0 to {classes - 1}, for an image at least, got {labels!r:.80}"
        )
    return x, labels


def outputs(model: "keras.Model", images: Any, weights: Iterable[tuple[Any, Any]] = ()) -> Any:
    """What the model makes of the images with values in place of some variables, (variable, value); no variable changes."""
    import keras

    with keras.StatelessScope(state_mapping=list(weights)):
        return model(images, training=False)


def mean_loss(model: "keras.Model", images: Any, y: np.ndarray) -> Callable[[list[Any]], Any]:
    """L as a function of the values of theta."""
    from keras import ops

    theta, hot = kernels(model), np.eye(model.output_shape[-1])[y]

    def loss(values: list[Any]) -> Any:
        logits = outputs(model, images, zip(theta, values, strict=True))
        wanted = ops.convert_to_tensor(hot, dtype=logits.dtype)
        return ops.sum(ops.logsumexp(logits, axis=1) - ops.sum(wanted * logits, axis=1)) / len(hot)

    return loss


def gradients(model: "keras.Model", images: Any, y: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """theta and the gradients of L by it, both as float64, with the statistics of this batch in every batch norm."""
    at = values_of(kernels(model))
    with norms_of_the_batch(model):
        _, found = value_and_gradients(mean_loss(model, images, y), at)
    return as_arrays(at), as_arrays(found)


def values_of(variables: Iterable[Any]) -> list[Any]:
    """Their tensors."""
    return [variable.value for variable in variables]


def as_arrays(tensors: Iterable[Any]) -> list[np.ndarray]:
    """As float64."""
    from keras import ops

    return [np.asarray(ops.convert_to_numpy(tensor), np.float64) for tensor in tensors]


@contextmanager
def intercepted(layers: Iterable[Any], wrap: Callable[[Any, Call], Call]) -> Iterator[None]:
    """Within the block, each of the layers computes wrap(layer, call) in place of its own call."""
    changed = list(layers)
    for layer in changed:
        vars(layer)["call"] = wrap(layer, layer.call)  # past Keras' own __setattr__, which would track it
    try:
        yield
    finally:
        for layer in changed:
            del vars(layer)["call"]


@contextmanager
def recorded(layers: Iterable[Any]) -> Iterator[list[Any]]:
    """Within the block, the list gets what each of the layers returns, in the order of the calls."""
    made: list[Any] = []

    def recording(layer: Any, call: Call) -> Call:
        def called(*args: Any, **kwargs: Any) -> Any:
            made.append(call(*args, **kwargs))
            return made[-1]

        return called

    with intercepted(layers, recording):
        yield made


def norms_of_the_batch(model: "keras.Model", variances: list[Any] | None = None, apart: bool = False) -> Any:
    """Within the block, batch norm takes the statistics of the batch, as in training, and all other layers run as at inference.

    The norm is written out, because TensorFlow's own holds the mean in the variance fixed, which makes its second derivatives wrong.

    variances: gets those of each norm's inputs, in the order of the calls. apart: whether each image is a batch of its own.
    """
    from keras import layers, ops

    def of_the_batch(layer: Any, call: Call) -> Call:
        def normed(x: Any, training: bool | None = None, mask: Any = None) -> Any:
            if not layer.trainable:
                return call(x, training=False, mask=mask)
            channels = layer.axis % len(x.shape)
            axes = [axis for axis in range(apart, len(x.shape)) if axis != channels]
            n = math.prod(
                x.shape[axis] for axis in axes
            )  # no ops.mean, which on JAX computes in float32 whatever it is given
            mean = ops.sum(x, axis=axes, keepdims=True) / n
            variance = ops.sum(ops.square(x - mean), axis=axes, keepdims=True) / n
            if variances is not None:
                variances.append(variance)
            y = (x - mean) * ops.rsqrt(variance + layer.epsilon)
            shape = [-1 if axis == channels else 1 for axis in range(len(x.shape))]
            y = y * ops.reshape(layer.gamma, shape) if layer.scale else y
            return y + ops.reshape(layer.beta, shape) if layer.center else y

        return normed

    return intercepted(layers_of(model, layers.BatchNormalization), of_the_batch)


def without_norms(model: "keras.Model") -> Any:
    """Within the block, batch norm passes on what it gets."""
    from keras import layers

    def passed_on(layer: Any, call: Call) -> Call:
        return lambda x, training=None, mask=None: x

    return intercepted(layers_of(model, layers.BatchNormalization), passed_on)


def pixels(model: "keras.Model", values: np.ndarray) -> np.ndarray:
    """Images that reach the first kernel as `values` (n, h, w, c), once what stands before it has normalised them.

    What stands before it must treat every place alike, and be affine in the channels: a + p M for a pixel p (c,). It is found from a black
    image and one full of each colour. Raises ValueError where it cannot be inverted.
    """
    channels = values.shape[-1]
    colours = np.zeros((channels + 1, *values.shape[1:]), np.float32)
    colours[1:] = 255 * np.eye(channels).reshape(channels, *(1 for _ in values.shape[1:-1]), channels)
    arrived = _at_the_first_kernel(model, colours).reshape(channels + 1, -1)
    if arrived.shape[1] % channels:
        raise ValueError(
            f"the first kernel gets {arrived.shape[1]} numbers of an image, no multiple of its {channels} channels"
        )
    places = arrived.reshape(channels + 1, -1, channels)
    black, *full = places[:, places.shape[1] // 2]  # in the middle, where no padding is
    matrix = (np.array(full) - black) / 255
    if np.linalg.matrix_rank(matrix) < channels:
        raise ValueError("the first kernel does not get the image's channels by an affine map that can be inverted")
    return ((values - black) @ np.linalg.inv(matrix)).astype(np.float32)


def _at_the_first_kernel(model: "keras.Model", images: np.ndarray) -> np.ndarray:
    from keras import ops

    arrived: list[Any] = []

    def seen(layer: Any, call: Call) -> Call:
        def recording(x: Any, *args: Any, **kwargs: Any) -> Any:
            arrived.append(x)
            return call(x, *args, **kwargs)

        return recording

    with intercepted(with_kernels(model), seen):
        outputs(model, images)
    return np.asarray(ops.convert_to_numpy(arrived[0]), np.float64)


def features(model: "keras.Model") -> "keras.Model":
    """The part of a classifier before its head: up to its last global pooling, or else to its last layer."""
    import keras

    pools = [layer for layer in model.layers if "Global" in type(layer).__name__]
    last = pools[-1] if pools else model.layers[-1]
    return keras.Model(model.inputs[0], last.input)
