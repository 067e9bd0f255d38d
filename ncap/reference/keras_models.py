"""The oracle's network from a Keras model, or from its probe: read from the model's own graph, so that no framework is imported here.

The oracle knows chains: layers of weights with a relu behind each but the last, norms of an MLP, poolings of a CNN. What stands before the
first layer of weights, such as a rescaling of pixels or the body under a probe, is no part of the network; keras_inputs runs it.
"""

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from ncap.reference.arguments import Array, as_array, choose
from ncap.reference.loss import LOSSES
from ncap.reference.mlp.perceptron import MLP
from ncap.reference.shared_weights.cnn import CNN
from ncap.reference.shared_weights.convolution import Conv2D, Dense, DepthwiseConv2D
from ncap.reference.shared_weights.pooling import AveragePooling2D, Flatten, GlobalAveragePooling2D, MaxPooling2D

if TYPE_CHECKING:
    import keras

WEIGHTS = ("Dense", "Conv2D", "DepthwiseConv2D")
SLIDING = {"AveragePooling2D": AveragePooling2D, "MaxPooling2D": MaxPooling2D}
BETWEEN = {*SLIDING, "GlobalAveragePooling2D", "Flatten"}
INACTIVE = {
    "Dropout",
    "SpatialDropout2D",
    "GaussianNoise",
    "GaussianDropout",
    "AlphaDropout",
    "Identity",
}  # at inference
CROSS_ENTROPY = {"sparse_categorical_crossentropy", "categorical_crossentropy"}
SQUARED_ERROR = {"mean_squared_error", "mse"}
CHUNK = 256  # samples that go through what stands before the network at a time


def from_keras(model: "keras.Model", loss: str | None = None) -> MLP | CNN:
    """The oracle's view of a Keras model: its probe as an MLP where it has one, else all of it, as an MLP or a CNN.

    A model may be Sequential or functional, and hold other models, as long as its layers form a chain:

        MLP: Dense, relu, Dense, relu, ..., Dense. Hidden layers may have a BatchNormalization, all behind the relu or all before it.
        CNN: Conv2D or DepthwiseConv2D, relu, poolings, ..., Flatten or GlobalAveragePooling2D, Dense, ..., Dense. No norms.

    A relu is an activation or a layer of its own, and the last Dense ends in softmax or in nothing. Dropout is off, as in every
    reading. The network begins at the first layer of weights and takes what keras_inputs(model, x) returns.

    Args:
        model: a built Keras model, or an ncap probe.
        loss: "cross_entropy" or "squared_error"; None for the compiled one, and cross_entropy for a model that is not compiled.

    Returns: MLP or CNN, with copies of the present weights, in float64. line_graph, interaction_matrix, capacitance and the rest
        take it; of a model with a probe, capacitance agrees with ncap.capacitance up to rounding.

    Raises: TypeError for anything but a Keras model; ValueError, by the name of the layer, for what the oracle cannot say, and for
    a compiled loss that is neither of the two.

    >>> import keras
    >>> layers = [keras.layers.Dense(3, activation="relu"), keras.layers.Dense(4, activation="relu"), keras.layers.Dense(2)]
    >>> model = keras.Sequential([keras.Input((5,)), *layers])
    >>> from_keras(model)
    MLP(widths=(5, 3, 4, 2), norm='after', loss='cross_entropy')
    >>> from ncap.reference import line_graph
    >>> line_graph(from_keras(model)).nnz     # 5 * 3 * 4 + 3 * 4 * 2
    84
    """
    if loss is not None:
        choose("loss", loss, LOSSES)
    if _is_probe(model):
        return _of_probe(model, loss or "cross_entropy")
    steps = _steps(model)
    if steps and _is_probe(steps[-1].layer):
        return _of_probe(steps[-1].layer, loss or _compiled_loss(model, softmax=False))
    chain = _read(_network(steps)[1])
    chosen = loss or _compiled_loss(model, chain.softmax is not None)
    if chain.softmax is not None and chosen != "cross_entropy":
        _refuse(chain.softmax, "is a softmax under a squared error, whose errors are not p - y")
    return _cnn(chain, chosen) if _has_images(chain) else _mlp(chain, chosen)


def keras_inputs(model: "keras.Model", x: ArrayLike) -> Array:
    """What the network that from_keras makes of a model takes: x as it enters the model's first layer of weights, or its probe.

    Shapes: x (N, ...) as the model takes it; the result (N, n_0), or (N, height, width, channels) for a CNN, in float64.

    Args:
        model: as for from_keras, but no probe alone, which knows no body. x: the model's inputs.

    Raises: as from_keras, and ValueError for x of another shape.

    >>> import keras
    >>> layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(3, "relu"), keras.layers.Dense(2)]
    >>> model = keras.Sequential([keras.Input((2, 2)), *layers])
    >>> keras_inputs(model, [[[0, 51], [102, 255]]]).round(6).tolist()
    [[0.0, 0.2, 0.4, 1.0]]
    """
    steps = _steps(model)
    ops = sys.modules["keras"].ops
    if steps and _is_probe(steps[-1].layer):
        probe, (tensor,) = steps[-1].layer, steps[-1].entering
        body = sys.modules["keras"].Model(model.inputs, tensor)
        before = [body, probe.features]
    else:
        before = [step.layer for step in _network(steps)[0]]
    values, parts, shape = as_array("x", x), [], tuple(model.inputs[0].shape[1:])
    fits = values.ndim == len(shape) + 1 and all(n in (None, m) for n, m in zip(shape, values.shape[1:], strict=True))
    if not fits or not len(values):
        wanted = ", ".join(map(str, ("N", *shape)))
        raise ValueError(f"x must have shape ({wanted}), as the model takes it, N at least 1; got {values.shape}")
    for start in range(0, len(values), CHUNK):
        passed = ops.convert_to_tensor(values[start : start + CHUNK], dtype=model.inputs[0].dtype)
        for layer in before:
            passed = layer(passed, training=False) if getattr(layer, "_call_has_training_arg", False) else layer(passed)
        parts.append(np.asarray(ops.convert_to_numpy(passed), dtype=np.float64))
    return np.concatenate(parts)


class _Step(NamedTuple):
    """A layer, and the symbolic tensors that enter it."""

    layer: Any
    entering: list[Any]

    @property
    def kind(self) -> str:
        """The name of its class where that is Keras' own."""
        return type(self.layer).__name__ if type(self.layer).__module__.partition(".")[0] == "keras" else ""


@dataclass
class _Stage:
    """A layer of weights and what comes behind it."""

    weights: _Step
    relu: bool = False
    norm: Any = None
    side: str = ""
    between: list[_Step] = field(default_factory=list)


@dataclass
class _Chain:
    """The stages of a network, and the layer that ends in softmax, if one does."""

    stages: list[_Stage]
    softmax: Any = None


def _steps(model: Any) -> list[_Step]:
    """The layers of a model from its input to its output; below a probe, nothing but the probe is needed."""
    keras = sys.modules.get("keras")  # whoever holds a model has imported it
    if keras is None or not isinstance(model, keras.Model):
        raise TypeError(f"model must be a Keras model or an ncap probe, got {type(model).__name__}")
    if not getattr(model, "inputs", None) or len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            f"model {model.name!r} is no graph with one input and one output that the oracle could follow; build it as keras.Sequential, "
            "begun with keras.Input(shape), or as keras.Model(inputs, outputs)"
        )
    found: list[_Step] = []
    tensor = model.outputs[0]
    while tensor is not model.inputs[0]:
        history = tensor._keras_history
        entering = list(history.operation._inbound_nodes[history.node_index].input_tensors)
        if isinstance(history.operation, keras.Model):
            found += reversed(_steps(history.operation))
        else:
            found.append(_Step(history.operation, entering))
        if _is_probe(history.operation):
            break
        if len(entering) != 1:
            _refuse(history.operation, f"takes {len(entering)} inputs, and the oracle knows chains of layers alone")
        tensor = entering[0]
    return found[::-1]


def _network(steps: list[_Step]) -> tuple[list[_Step], list[_Step]]:
    """What stands before the first layer of weights, and the rest."""
    first = next((i for i, step in enumerate(steps) if step.kind in WEIGHTS), None)
    if first is None:
        raise ValueError(f"model has no layer of weights that the oracle knows: {', '.join(WEIGHTS)}")
    for step in steps[:first]:
        if getattr(step.layer, "trainable_weights", None):
            _refuse(step.layer, "has weights and stands before the first layer that the oracle knows")
    return steps[:first], steps[first:]


def _read(steps: list[_Step]) -> _Chain:
    """The layers behind one another as stages; ValueError by the name of the first that the oracle cannot say."""
    chain, seen = _Chain([]), set[int]()
    for step in steps:
        layer = step.layer
        if id(layer) in seen and getattr(layer, "weights", None):
            _refuse(layer, "is called twice, and the oracle shares no weights between layers")
        seen.add(id(layer))
        if chain.softmax is not None and step.kind not in INACTIVE:
            _refuse(layer, "comes behind a softmax")
        if step.kind in WEIGHTS:
            if chain.stages and not chain.stages[-1].relu:
                _refuse(chain.stages[-1].weights.layer, f"has no relu between it and layer {layer.name!r}")
            chain.stages.append(_Stage(step))
            _activate(chain, layer, _activation(layer))
        elif step.kind == "BatchNormalization":
            _normalise(chain.stages[-1], layer)
        elif step.kind in BETWEEN:
            if not chain.stages[-1].relu:
                _refuse(layer, "comes before the relu, and in the oracle poolings come behind it")
            chain.stages[-1].between.append(step)
        elif step.kind in ("Activation", "ReLU", "Softmax"):
            _activate(chain, layer, _activation(layer))
        elif step.kind not in INACTIVE:
            _refuse(layer, f"is a {type(layer).__name__}, which the oracle does not know")
    last = chain.stages[-1]
    if last.weights.kind != "Dense":
        _refuse(
            last.weights.layer, "is the last layer of weights, which must be a Dense, whose outputs are the classes"
        )
    if last.relu or last.norm is not None:
        _refuse(
            last.weights.layer,
            "is the last layer of weights, and must end in softmax or in nothing, not in a relu or a norm",
        )
    return chain


def _activation(layer: Any) -> str:
    kind = type(layer).__name__
    settings = layer.get_config()
    if kind == "ReLU":
        plain = (
            settings.get("max_value") is None and not settings.get("negative_slope") and not settings.get("threshold")
        )
        return "relu" if plain else "another relu"
    if kind == "Softmax":
        return "softmax" if settings["axis"] in (-1, 1) else "softmax over another axis"
    return settings["activation"] if isinstance(settings["activation"], str) else "a function of your own"


def _activate(chain: _Chain, layer: Any, activation: str) -> None:
    stage = chain.stages[-1]
    if activation == "softmax":
        chain.softmax = layer
    elif activation == "relu":
        if stage.relu or stage.between:
            _refuse(layer, "is a relu that does not come once, right behind a layer of weights or its norm")
        stage.relu = True
    elif activation != "linear":
        _refuse(layer, f"has the activation {activation!r}, and the oracle knows relu, and softmax at the end")


def _normalise(stage: _Stage, layer: Any) -> None:
    if stage.norm is not None or stage.between:
        _refuse(layer, "is a norm that does not come once, right before or behind the relu of a layer of weights")
    if layer.get_config()["axis"] not in (-1, 1) or len(layer.moving_mean.shape) != 1:
        _refuse(layer, "normalises along another axis than the last")
    stage.norm, stage.side = layer, "after" if stage.relu else "before"


def _has_images(chain: _Chain) -> bool:
    return any(stage.weights.kind != "Dense" or stage.between for stage in chain.stages)


def _mlp(chain: _Chain, loss: str) -> MLP:
    for stage in chain.stages:
        if len(stage.weights.entering[0].shape) != 2:
            _refuse(stage.weights.layer, "takes more than vectors; put Flatten() before it")
    sides = {stage.side: stage.norm for stage in chain.stages if stage.side}
    if len(sides) > 1:
        _refuse(
            sides["before"],
            f"comes before the relu, but {sides['after'].name!r} behind it, and the oracle knows one order",
        )
    kernels, biases = zip(*(_parameters(stage.weights.layer) for stage in chain.stages), strict=True)
    norms = _norms([stage.norm for stage in chain.stages[:-1]])
    return MLP(kernels, biases, norm=next(iter(sides), "after"), loss=loss, **norms)


def _cnn(chain: _Chain, loss: str) -> CNN:
    layers: list[Any] = []
    for stage in chain.stages:
        if stage.norm is not None:
            _refuse(stage.norm, "is a norm, which the oracle knows in an MLP alone")
        layers.append(_layer_of(stage.weights))
        layers += [_pooling_of(step) for step in stage.between]
    shape = tuple(chain.stages[0].weights.entering[0].shape[1:])
    return CNN(layers, shape, loss)


def _layer_of(step: _Step) -> Any:
    kernel, bias = _parameters(step.layer)
    if step.kind == "Dense":
        if len(step.entering[0].shape) != 2:
            _refuse(step.layer, "takes more than vectors; put Flatten() or GlobalAveragePooling2D() before it")
        return Dense(kernel, bias)
    settings = _of_images(step.layer)
    if settings.get("groups", 1) != 1 or tuple(settings["dilation_rate"]) != (1, 1):
        _refuse(step.layer, "has groups or a dilation, which the oracle does not know")
    kind = Conv2D if step.kind == "Conv2D" else DepthwiseConv2D
    return kind(kernel, bias, tuple(settings["strides"]), settings["padding"])


def _pooling_of(step: _Step) -> Any:
    settings = _of_images(step.layer)
    if step.kind == "Flatten":
        return Flatten()
    if step.kind == "GlobalAveragePooling2D":
        if settings["keepdims"]:
            _refuse(step.layer, "keeps dimensions of size 1; build it with keepdims=False")
        return GlobalAveragePooling2D()
    return SLIDING[step.kind](tuple(settings["pool_size"]), tuple(settings["strides"]), settings["padding"])


def _of_images(layer: Any) -> dict[str, Any]:
    settings: dict[str, Any] = layer.get_config()
    if settings.get("data_format", "channels_last") not in ("channels_last", None):
        _refuse(layer, "has its channels first, and the oracle has them last")
    return settings


def _parameters(layer: Any) -> tuple[Array, Array | None]:
    """Kernel and bias, None for a layer without."""
    values = [np.asarray(value, dtype=np.float64) for value in layer.get_weights()]
    if len(values) != 1 + bool(layer.get_config()["use_bias"]):  # an adapter's, or quantised ones
        _refuse(layer, f"holds {len(values)} arrays of weights, and the oracle knows a kernel and a bias")
    return values[0], values[1] if len(values) > 1 else None


def _norms(norms: list[Any]) -> dict[str, list[Array | None]]:
    """Scales, shifts, means and deviations of the hidden layers, None for a layer without a norm."""
    found: dict[str, list[Array | None]] = {"scales": [], "shifts": [], "means": [], "deviations": []}
    for norm in norms:
        values = [None] * 4 if norm is None else _of_norm(norm)
        for name, value in zip(found, values, strict=True):
            found[name].append(value)
    return found


def _of_norm(norm: Any) -> list[Array | None]:
    settings, values = norm.get_config(), [np.asarray(value, dtype=np.float64) for value in norm.get_weights()]
    variance, mean = values.pop(), values.pop()
    shift = values.pop() if settings["center"] else np.zeros_like(mean)
    scale = values.pop() if settings["scale"] else np.ones_like(mean)
    return [scale, shift, mean, np.sqrt(variance + norm.epsilon)]


def _is_probe(layer: Any) -> bool:
    return type(layer).__name__ == "Probe" and type(layer).__module__ == "ncap.measure.probe"


def _of_probe(probe: Any, loss: str) -> MLP:
    if not probe.built:
        raise ValueError(f"probe {probe.name!r} is not built yet; call the model that it is part of, or build(shape)")
    kernels, biases = zip(*map(_parameters, [*(unit.dense for unit in probe.units), probe.logits]), strict=True)
    return MLP(kernels, biases, norm="after", loss=loss, **_norms([unit.norm for unit in probe.units]))


def _compiled_loss(model: Any, softmax: bool) -> str:
    """cross_entropy or squared_error; ValueError where the compiled loss is neither, or takes the outputs for something else."""
    compiled = getattr(model, "loss", None)
    if compiled is None:
        return "cross_entropy"
    given = compiled if isinstance(compiled, str) else getattr(compiled, "name", getattr(compiled, "__name__", ""))
    if given in SQUARED_ERROR:
        return "squared_error"
    if given not in CROSS_ENTROPY:
        raise ValueError(
            f"model {model.name!r} is compiled with the loss {compiled!r:.80}, and the oracle knows cross_entropy and squared_error; pass "
            "one as loss=, if that is what it minimises"
        )
    settings = compiled.get_config() if hasattr(compiled, "get_config") else {}
    for name, none in (("label_smoothing", 0), ("ignore_class", None)):
        if settings.get(name, none) != none:
            raise ValueError(
                f"model {model.name!r} is compiled with {name}={settings[name]}, so that it minimises something else than cross_entropy; "
                "pass loss='cross_entropy' and give the oracle the targets that it is trained on"
            )
    logits = bool(settings.get("from_logits", False))
    if logits == softmax:
        ends = "a softmax, and its loss takes logits" if softmax else "logits, and its loss takes probabilities"
        raise ValueError(
            f"model {model.name!r} returns {ends}, so that it minimises something else than cross_entropy; set from_logits={not logits} in "
            "its loss, or pass loss='cross_entropy'"
        )
    return "cross_entropy"


def _refuse(layer: Any, why: str) -> NoReturn:
    raise ValueError(f"layer {layer.name!r} of model {why}")
