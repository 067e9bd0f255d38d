"""The NCP unit: a small probe for a pre-trained body; how it is attached and detached (Algorithm 1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from ncap.arguments import hidden_widths, rate, seed_number, switch, whole_number
from ncap.heads import head_of

PROBE_NAME = "ncap_probe"


class HiddenUnit(NamedTuple):
    """The layers of one hidden layer of the probe, in the order in which data passes: dense, relu, norm, dropout."""

    dense: keras.layers.Dense
    norm: keras.layers.BatchNormalization | None
    dropout: keras.layers.Dropout | None


@keras.saving.register_keras_serializable(package="ncap")
class Probe(keras.layers.Layer):
    """Neural capacitance probe: hidden layers of dense, relu, batch norm, dropout, then a dense output of logits.

    For hidden layer l:  z_l = k_l * relu(z_{l-1} W_l + b_l) + c_l  with the moving statistics of the norm folded into the
    scale k_l and the shift c_l at inference (MATHEMATICS.md, section 1, norm "after"); the last layer gives a_L.

    Shapes: (N, n_0) or (N, height, width, channels), which is globally average-pooled to (N, channels) -> (N, classes).
    Kernels are initialised he_normal, biases 0; every layer draws from its own seed, derived from `seed`.
    """

    def __init__(
        self,
        classes: int,
        hidden: Sequence[int] = (256, 128),
        dropout: float = 0.4,
        batch_norm: bool = True,
        norm_momentum: float = 0.9,
        seed: int = 0,
        trainable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.classes, self.hidden, self.seed = int(classes), tuple(int(width) for width in hidden), int(seed)
        self.dropout, self.batch_norm, self.norm_momentum = float(dropout), bool(batch_norm), float(norm_momentum)
        # One independent stream a layer and purpose, so that leaving dropout out does not move the kernels.
        kernel_seeds, dropout_seeds = _seeds(self.seed, len(hidden) + 1)
        inner: dict[str, Any] = {"dtype": self.dtype_policy}
        self.pool = keras.layers.GlobalAveragePooling2D(name="pool", data_format="channels_last", **inner)
        self.units = [
            HiddenUnit(
                keras.layers.Dense(
                    width, kernel_initializer=_he_normal(kernel_seeds[index]), name=f"dense_{index + 1}", **inner
                ),
                keras.layers.BatchNormalization(momentum=self.norm_momentum, name=f"norm_{index + 1}", **inner)
                if self.batch_norm
                else None,
                keras.layers.Dropout(self.dropout, seed=dropout_seeds[index], name=f"dropout_{index + 1}", **inner)
                if self.dropout
                else None,
            )
            for index, width in enumerate(self.hidden)
        ]
        self.logits = keras.layers.Dense(
            self.classes, kernel_initializer=_he_normal(kernel_seeds[-1]), name="logits", **inner
        )
        self.trainable = trainable  # last, so that it reaches the layers inside and a loaded probe stays frozen

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights for features of `input_shape`; only (N, n_0) and (N, h, w, c) have a meaning."""
        if len(input_shape) not in (2, 4):
            raise ValueError(
                f"the probe reads features of shape (N, n_0) or feature maps (N, height, width, channels), got {tuple(input_shape)}; "
                "flatten or pool the body's output first"
            )
        if len(input_shape) == 4:
            self.pool.build(input_shape)
            input_shape = self.pool.compute_output_shape(input_shape)
        for unit, width in zip(self.units, self.hidden, strict=True):
            unit.dense.build(input_shape)
            input_shape = (input_shape[0], width)
            for layer in (unit.norm, unit.dropout):
                if layer is not None:
                    layer.build(input_shape)
        self.logits.build(input_shape)
        self.built = True

    def features(self, x: Any) -> Any:
        """z_0, shape (N, n_0), of the body's output: itself, or its spatial mean."""
        return self.pool(x) if len(x.shape) == 4 else x

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Logits a_L, shape (N, classes)."""
        z = self.features(inputs)
        for unit in self.units:
            z = self.activate(unit, unit.dense(z), training)
        return self.logits(z)

    def activate(self, unit: HiddenUnit, a: Any, training: bool | None = False) -> Any:
        """z_l of the pre-activation a_l of a hidden layer: relu, norm, dropout; shapes (N, n_l)."""
        z = ops.relu(a)
        if unit.norm is not None:
            z = unit.norm(z, training=training)
        if unit.dropout is not None:
            z = unit.dropout(z, training=training)
        return z

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, int]:
        """(N, classes)."""
        return (input_shape[0], self.classes)

    def get_config(self) -> dict[str, Any]:
        """Everything that rebuilds the probe, weights excepted."""
        return super().get_config() | {
            "classes": self.classes,
            "hidden": list(self.hidden),
            "dropout": self.dropout,
            "batch_norm": self.batch_norm,
            "norm_momentum": self.norm_momentum,
            "seed": self.seed,
        }


def _seeds(seed: int, layers: int) -> list[list[int]]:
    """For kernels and for dropout one seed a layer, below 2^32; below 2^31 on torch, which holds them in int32."""
    drawn = np.random.SeedSequence(seed).generate_state(2 * layers).reshape(2, -1)
    return (drawn % 2**31 if keras.backend.backend() == "torch" else drawn).tolist()


def _he_normal(seed: int) -> keras.initializers.HeNormal:
    return keras.initializers.HeNormal(seed=seed)


def attach_probe(
    body: keras.Model,
    classes: int,
    hidden: Sequence[int] = (256, 128),
    dropout: float = 0.4,
    batch_norm: bool = True,
    norm_momentum: float = 0.9,
    frozen: bool = True,
    seed: int = 0,
) -> keras.Model:
    """Put a neural capacitance probe on a body without its head; the model returns logits (Algorithm 1, steps 1 and 2).

    Args:
        body: a built Keras model with one input and one output, (N, n_0) or (N, height, width, channels), without its head: one
            that ends in a softmax, or in a single sigmoid, is refused; any other output is taken for features.
        classes: number of classes, at least 2.
        hidden: widths of the hidden layers, at least two: with one, beta_eff is 0 by construction (section 3, L <= 2).
        dropout: rate in [0, 1) after each hidden layer, active in training only.
        batch_norm: whether each hidden layer is normalised after its relu.
        norm_momentum: of the moving statistics; Keras' own 0.99 lags behind for 30 epochs of 7 steps.
        frozen: True keeps every weight of the probe at its seeded start and trains the body; False trains both.
        seed: of the probe's kernels and dropout.

    Returns: a keras.Model from the body's input to logits of shape (N, classes); the body is shared, not copied.

    Raises: TypeError for a body that is no Keras model; ValueError for one that has a head, or for a setting outside its range.

    >>> import keras, ncap
    >>> body = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="relu")])
    >>> model = ncap.attach_probe(body, classes=2, hidden=(5, 4))
    >>> model.output_shape, [layer.name for layer in model.layers[2:]], ncap.detach_probe(model) is body
    ((None, 2), ['ncap_probe'], True)
    >>> len(model.trainable_variables)      # the body's kernel and bias: the probe is frozen
    2
    """
    _check_body(body)
    classes, hidden = _check_classes(classes), hidden_widths(hidden)
    dropout, norm_momentum = rate("dropout", dropout), rate("norm_momentum", norm_momentum)
    batch_norm, frozen, seed = switch("batch_norm", batch_norm), switch("frozen", frozen), seed_number(seed)
    probe = Probe(classes, hidden, dropout, batch_norm, norm_momentum, seed, name=PROBE_NAME, dtype=body.dtype_policy)
    inputs = keras.Input(body.input_shape[1:], dtype=body.inputs[0].dtype, name=f"{body.name}_input")
    model = keras.Model(inputs, probe(body(inputs)), name=f"{body.name}_with_probe")
    probe.trainable = not frozen
    return model


def detach_probe(model: keras.Model) -> keras.Model:
    """The body under the probe: the model that `attach_probe` was given, trained or not; of a graph built by hand, its part below.

    Raises: TypeError for anything but a Keras model, ValueError when it has no ncap probe.

    >>> import keras, ncap
    >>> inputs = keras.Input((4,))
    >>> features = keras.layers.Dense(3, activation="relu")(inputs)
    >>> ncap.detach_probe(keras.Model(inputs, Probe(classes=2, hidden=(5, 4))(features))).output_shape
    (None, 3)
    """
    return body_under(model, find_probe(model))


def body_under(model: keras.Model, probe: Probe) -> keras.Model:
    """The part of a model below the probe that `find_probe` found in it."""
    features = _call(model, probe).input_tensors[
        0
    ]  # not probe.input, which is that of its first call, be it in another model
    history = features._keras_history
    body = history.operation
    # A model that is called inside a larger graph is the last part of the body only.
    if isinstance(body, keras.Model) and body._inbound_nodes[history.node_index].input_tensors[0] is model.inputs[0]:
        return body
    # One input as itself: Keras on torch warns of a tensor where a list of one was declared.
    return keras.Model(model.inputs[0] if len(model.inputs) == 1 else model.inputs, features)


def find_probe(model: keras.Model) -> Probe:
    """The one probe layer of a model, also after saving to .keras and loading.

    Raises: TypeError for anything but a Keras model, ValueError when it has no probe or more than one, and when the probe's logits are not
    what the model returns.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a Keras model with an ncap probe, got {type(model).__name__}")
    if not getattr(model, "inputs", None):
        raise ValueError(
            f"model {model.name!r} ({type(model).__name__}) is no graph of layers with an input, so that what flows into its probe cannot "
            "be seen; build the body as keras.Sequential or keras.Model(inputs, outputs) and pass ncap.attach_probe(body, classes)"
        )
    probes = [layer for layer in model.layers if isinstance(layer, Probe)]
    if len(probes) != 1:
        raise ValueError(
            f"model {model.name!r} has {len(probes)} ncap probes, one is needed; put it on with ncap.attach_probe(body, classes)"
        )
    _call(model, probes[0])
    return probes[0]


def check_norms(probe: Probe) -> None:
    """Raise ValueError for a probe without norms, which has no such nodes."""
    if any(unit.norm is None for unit in probe.units):
        raise ValueError(
            "readings with nodes='norms' need the norms of the probe, and this one has none; attach it with batch_norm=True, or take a "
            "reading of the kernels, such as 'explicit/magnitude/unit'"
        )


def _call(model: keras.Model, probe: Probe) -> Any:
    """The call (Keras' node) of the probe whose logits the model returns: a layer may be called in several places."""
    histories = [output._keras_history for output in model.outputs]
    calls = {history.node_index for history in histories if history.operation is probe}
    if not calls:
        last = ", ".join(repr(history.operation.name) for history in histories)
        raise ValueError(
            f"model {model.name!r} returns the output of layer {last}, not the logits of its ncap probe: what comes after the probe would "
            "be left out of beta_eff; end the model with the probe, and put a softmax into the loss by from_logits=True"
        )
    if len(calls) > 1:
        raise ValueError(
            f"model {model.name!r} returns {len(calls)} outputs of its one probe, each on other features; make a model of each"
        )
    return probe._inbound_nodes[calls.pop()]


def _check_classes(classes: Any) -> int:
    try:
        return whole_number("classes", classes, least=2)
    except ValueError as error:
        if classes == 1:
            raise ValueError(
                f"{error}: a probe tells classes apart; regression onto one output is not supported"
            ) from None
        raise


def _check_body(body: Any) -> None:
    if not isinstance(body, keras.Model):
        raise TypeError(f"body must be a keras.Model without its head, got {type(body).__name__}")
    if any(isinstance(layer, Probe) for layer in body.layers):
        raise ValueError(f"body {body.name!r} has an ncap probe already; take it off with ncap.detach_probe first")
    if not body.built or not getattr(body, "inputs", None):
        raise ValueError(
            f"body {body.name!r} has no input shape yet; begin it with keras.Input(shape), or wrap "
            "it: inputs = keras.Input(shape); keras.Model(inputs, body(inputs))"
        )
    if len(body.inputs) != 1 or len(body.outputs) != 1:
        raise ValueError(
            f"body {body.name!r} has {len(body.inputs)} inputs and {len(body.outputs)} outputs; the probe reads one of each"
        )
    shape = tuple(body.outputs[0].shape)
    if len(shape) not in (2, 4) or not shape[-1]:
        raise ValueError(
            f"body {body.name!r} returns {shape}; the probe reads features (N, n_0) or feature maps (N, height, width, channels), "
            "n_0 and channels known: flatten or pool the output first"
        )
    if len(shape) == 4 and (first := _channels_first(body)):
        raise ValueError(
            f"body {body.name!r} returns {shape} with channels first, as its layer {first!r} does, and the probe would average over "
            "channels; end the body with keras.layers.GlobalAveragePooling2D(data_format='channels_first'), or with Permute((2, 3, 1))"
        )
    if head := head_of(body):
        raise ValueError(
            f"body {body.name!r} ends in the {head}: that is a head, and the probe reads features; build the body with "
            "include_top=False, or cut it off: keras.Model(body.inputs, body.layers[-2].output)"
        )


def _channels_first(body: keras.Model) -> str:
    """The name of the last layer that says where channels are, if they come first there; "" where they come last, or none says so."""
    for layer in reversed(list(body._flatten_layers(include_self=False))):
        if isinstance(layer, keras.layers.Permute | keras.layers.Reshape):
            return ""  # whatever it was before
        is_module = type(layer).__name__ == "TorchModuleWrapper"
        if is_module or isinstance(getattr(layer, "data_format", None), str):
            return str(layer.name) if is_module or layer.data_format == "channels_first" else ""
    return ""
