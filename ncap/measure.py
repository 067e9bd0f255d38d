"""Capacitance of a Keras model with a probe: reads model and data, then hands features to one of the methods."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from ncap import autodiff, closed_form
from ncap.arguments import numbers, whole_number
from ncap.precision import matmul_precision
from ncap.probe import Probe, detach_probe, find_probe
from ncap.reference.arguments import choose
from ncap.reference.interaction import read
from ncap.reference.mlp import LOSSES, read_targets
from ncap.reference.verdict import GRADIENT_FORM, Capacitance, Moments, Reading, judge, structural_reason

METHODS = ("closed_form", "autodiff")


def capacitance(
    model: keras.Model,
    x: Any,
    y: Any,
    method: str = "closed_form",
    interaction: str = "explicit",
    strength: str | None = None,
    weighting: str = "unit",
    loss: str | None = None,
    batch_size: int = 256,
) -> Capacitance:
    """Neural capacitance beta_eff = 1'PP1 / 1'P1 of a model's probe on data, in one forward pass of the body (Eq. 2, 7).

    The body is run once, in batches and in inference mode; P is never formed.

    Args:
        model: a Keras model with an ncap probe, as attach_probe returns it, loaded from a file or not.
        x: inputs of the body, N samples. y: integer labels (N,), one-hot or soft targets (N, classes).
        method: "closed_form" (explicit; signed or magnitude, with error and cancellation) or "autodiff" (explicit and
            hessian, signed only; no error, and no cancellation, so that rounding noise is not told from a value).
        interaction, weighting: as in ncap.reference.interaction_matrix.
        strength: None means magnitude for closed_form, signed for autodiff.
        loss: "cross_entropy" or "squared_error"; None means the compiled one, else cross_entropy.
        batch_size: samples on the device at a time.

    Returns: Capacitance, computed in the probe's dtype, or in float32 where that is narrower, and never in TF32; it warns with
    CapacitanceWarning when the reading is degenerate.

    Raises: TypeError or ValueError naming the argument, the rule and the remedy.

    >>> import keras, numpy as np, ncap
    >>> body = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="relu")])
    >>> model = ncap.attach_probe(body, classes=2, hidden=(5, 4))
    >>> c = ncap.capacitance(model, np.eye(3, dtype="float32"), [0, 1, 0])
    >>> c.strength, c.n_samples, c.degenerate, c.beta_eff > 0
    ('magnitude', 3, False, True)
    """
    reading = check_settings(method, interaction, strength, weighting, loss, batch_size)
    data = _probe_data(model, x, y, method, loss, batch_size)
    with matmul_precision("float32"):
        if method == "closed_form":
            moments, magnitude, standard_error = closed_form.explicit_moments(
                *data, reading.strength, weighting, batch_size
            )
        else:
            moments = autodiff.moments(*data, interaction, weighting, batch_size)
            magnitude, standard_error = None, np.nan
    return _judged(moments, magnitude, standard_error, reading, data)


def gradient_capacitance(
    model: keras.Model,
    x: Any,
    y: Any,
    method: str = "closed_form",
    loss: str | None = None,
    batch_size: int = 256,
) -> Capacitance:
    """Gradient form of neural capacitance of a model's probe on data: one forward pass and one gradient (T7 b).

        beta_eff = sum_{l=2..L-1} sum q_l^2 / sum_{l<L} sum |q_l|,   q_l = W_l * dC/dW_l

    It lies in [0, max |q|], is 0 wherever the gradient by the probe's weights is, and does not change when relu units are
    rescaled. A frozen probe is never stationary: train it (frozen=False) where that matters.

    Args:
        model: a Keras model with an ncap probe, as attach_probe returns it, loaded from a file or not.
        x: inputs of the body, N samples. y: integer labels (N,), one-hot or soft targets (N, classes).
        method: "closed_form" (with the standard error and cancellation), or "autodiff".
        loss: "cross_entropy" or "squared_error"; None means the compiled one, else cross_entropy.
        batch_size: samples on the device at a time.

    Returns: Capacitance of interaction "gradient", in the precision of `capacitance`.

    Raises: TypeError or ValueError naming the argument, the rule and the remedy.

    >>> import keras, numpy as np, ncap
    >>> body = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="relu")])
    >>> model = ncap.attach_probe(body, classes=2, hidden=(5, 4))
    >>> c = ncap.gradient_capacitance(model, np.eye(3, dtype="float32"), [0, 1, 0])
    >>> c.interaction, c.n_samples, c.degenerate, c.beta_eff > 0
    ('gradient', 3, False, True)
    """
    _check_work(method, loss, batch_size)
    data = _probe_data(model, x, y, method, loss, batch_size)
    with matmul_precision("float32"):
        if method == "closed_form":
            moments, uncancelled, standard_error = closed_form.gradient_moments(*data, batch_size)
        else:
            moments, uncancelled, standard_error = autodiff.gradient_moments(*data, batch_size), None, np.nan
    return _judged(moments, uncancelled, standard_error, GRADIENT_FORM, data)


class _ProbeData(NamedTuple):
    """What a method reads: the probe, its features (N, n_0) and targets (N, n_L) in the dtype of the computation, and the loss."""

    probe: Probe
    features: np.ndarray
    targets: np.ndarray
    loss: str


def _probe_data(model: keras.Model, x: Any, y: Any, method: str, loss: str | None, batch_size: int) -> _ProbeData:
    probe, x, targets, loss = check_data(model, x, y, loss)
    _check_weights(model)
    own_precision = probe.compute_dtype == probe.variable_dtype and probe.compute_dtype in ("float32", "float64")
    if method == "autodiff" and not own_precision:
        raise ValueError(
            f"method='autodiff' runs the probe's own layers, and they compute in {probe.compute_dtype} on {probe.variable_dtype} weights; "
            "use method='closed_form', or build the body with a float32 dtype policy"
        )
    features = _features(model, probe, x, batch_size)
    return _ProbeData(probe, features, targets.astype(features.dtype), loss)


def _judged(
    moments: Moments, magnitude: Moments | None, standard_error: float, reading: Reading, data: _ProbeData
) -> Capacitance:
    probe, features, _, loss = data
    return judge(
        moments,
        reading,
        structural=structural_reason(len(probe.hidden) + 1, loss, reading),
        magnitude=magnitude,
        standard_error=standard_error,
        n_samples=len(features),
        interior_weights=sum(unit.dense.kernel.shape[0] * unit.dense.units for unit in probe.units[1:]),
        rounding=float(np.finfo(features.dtype).eps),
    )


def check_settings(
    method: str, interaction: str, strength: str | None, weighting: str, loss: str | None, batch_size: int
) -> Reading:
    """The reading with the method's default strength; ValueError for keywords that no model and no data could be read with."""
    _check_work(method, loss, batch_size)
    default = "magnitude" if method == "closed_form" else "signed"
    reading = read(interaction, default if strength is None else strength, weighting)
    if method == "closed_form" and reading.interaction == "hessian":
        raise ValueError("method='closed_form' gives interaction='explicit' only; use method='autodiff' for 'hessian'")
    if method == "autodiff" and reading.strength == "magnitude":
        raise ValueError(
            "method='autodiff' gives strength='signed' only, a gradient sums before |.| can be taken; "
            "use method='closed_form' for 'magnitude'"
        )
    return reading


def _check_work(method: str, loss: str | None, batch_size: int) -> None:
    choose("method", method, METHODS)
    if loss is not None:
        choose("loss", loss, LOSSES)
    whole_number("batch_size", batch_size, least=1)


def check_data(model: keras.Model, x: Any, y: Any, loss: str | None) -> tuple[Probe, np.ndarray, np.ndarray, str]:
    """The probe, inputs (N, ...), targets (N, classes) and loss; TypeError or ValueError where they do not fit. The body is not run."""
    probe = find_probe(model)
    loss = _compiled_loss(model) if loss is None else loss
    x, expected = numbers("x", x), tuple(model.input_shape[1:])
    if not _fits(x.shape, expected):
        channels_last = x.shape[:1] + x.shape[2:] + x.shape[1:2]
        remedy = "; channels come last, x.transpose(0, 2, 3, 1)" if _fits(channels_last, expected) else ""
        remedy = "; add the axis of channels, x[..., None]" if _fits((*x.shape, 1), expected) else remedy
        raise ValueError(f"x must have shape (N, {', '.join(map(str, expected))}), N at least 1, got {x.shape}{remedy}")
    return probe, x, read_targets(y, len(x), probe.classes, loss), loss


def _fits(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    """Whether a shape is (N, *expected) with N at least 1; None stands for any size."""
    if len(shape) != len(expected) + 1 or not shape[0]:
        return False
    return all(want in (None, got) for want, got in zip(expected, shape[1:], strict=True))


def _check_weights(model: keras.Model) -> None:
    # Some backends' relu turns NaN into 0: a model that has diverged could be read as one without any error left, beta_eff = 0.
    finite = ops.convert_to_numpy(ops.stack([ops.all(ops.isfinite(weight)) for weight in model.weights]))
    if not finite.all():
        worst = model.weights[int(finite.argmin())].path
        raise ValueError(
            f"the model's weight {worst} holds NaN or infinity: training diverged; lower the learning rate"
        )


def _compiled_loss(model: keras.Model) -> str:
    """The compiled loss in our words: cross_entropy or squared_error; ValueError for any other, by name."""
    compiled = getattr(model, "loss", None)
    if compiled is None:
        return "cross_entropy"
    try:
        loss = keras.losses.get(compiled)
    except (TypeError, ValueError):  # a list or dictionary, for models of several outputs
        raise ValueError(
            f"the model's compiled loss {compiled!r:.80} is not one loss; pass loss='cross_entropy' or 'squared_error'"
        ) from None
    name = getattr(loss, "name", None) or getattr(loss, "__name__", repr(loss))
    if _is_one_of(loss, ("SparseCategoricalCrossentropy", "CategoricalCrossentropy")):
        settings = loss.get_config() if isinstance(loss, keras.losses.Loss) else {}
        if settings.get("label_smoothing"):
            raise ValueError(
                f"the model's compiled loss {name!r} has label_smoothing={settings['label_smoothing']}; pass loss='cross_entropy' with "
                "smoothed targets y of shape (N, classes)"
            )
        if not settings.get("from_logits"):
            warnings.warn(
                f"the model returns logits but its compiled loss {name!r} has from_logits=False, so training minimises something "
                "else than cross_entropy; compile with a keras.losses object and from_logits=True",
                stacklevel=4,
            )
        return "cross_entropy"
    if _is_one_of(loss, ("MeanSquaredError",)):
        return "squared_error"
    raise ValueError(
        f"the model's compiled loss {name!r} is neither cross-entropy nor mean squared error; "
        "pass loss='cross_entropy' or 'squared_error'"
    )


def _is_one_of(loss: Any, classes: tuple[str, ...]) -> bool:
    """Whether a loss is an object of one of Keras' classes, or the function behind one; its name may be anything."""
    own = [getattr(keras.losses, name) for name in classes]
    return isinstance(loss, tuple(own)) or any(loss is keras.losses.get(_snake_case(name)) for name in classes)


def _snake_case(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _features(model: keras.Model, probe: Probe, x: np.ndarray, batch_size: int) -> np.ndarray:
    """z_0 of every sample, shape (N, n_0), in the probe's dtype: the one forward pass of the body."""
    body = detach_probe(model)
    features = np.concatenate(
        [_batch_features(body, probe, x[start : start + batch_size]) for start in range(0, len(x), batch_size)]
    )
    dtype = keras.backend.standardize_dtype(probe.logits.kernel.dtype)
    features = features.astype(dtype if dtype in ("float32", "float64") else "float32")
    computed = keras.backend.standardize_dtype(ops.convert_to_tensor(features[:1]).dtype)
    if computed != features.dtype:
        warnings.warn(
            f"the probe is {features.dtype} but the backend computes in {computed}; set JAX_ENABLE_X64=1 before Keras is imported",
            stacklevel=3,
        )
        features = features.astype(computed)
    return features


def _batch_features(body: keras.Model, probe: Probe, x: np.ndarray) -> np.ndarray:
    if not np.isfinite(x).all():  # here, where it costs little: a relu may swallow NaN
        raise ValueError("x holds NaN or infinity; pass finite inputs")
    features = ops.convert_to_numpy(probe.features(body.predict_on_batch(x)))
    if not np.isfinite(features).all():
        raise ValueError("the body's output holds NaN or infinity: training diverged; lower the learning rate")
    return features
