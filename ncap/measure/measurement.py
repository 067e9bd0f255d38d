"""Measurements: readings of beta_eff of a Keras model with a probe, in one forward pass of its body."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, ref

import keras
import numpy as np
from keras import ops

from ncap.arguments import check_same_index, numbers, seed_number, whole_number
from ncap.framework import quiet_tracing
from ncap.measure import readings as table
from ncap.measure import sample
from ncap.measure.closed_form import error_cancellation
from ncap.measure.description import described_model
from ncap.measure.method import Measure, ProbeData, Sums
from ncap.measure.precision import matmul_precision
from ncap.measure.probe import Probe, body_under, find_probe
from ncap.measure.readings import Entry
from ncap.reference.arguments import choose
from ncap.reference.loss import LOSSES, read_targets
from ncap.reference.verdict import (
    Capacitance,
    CapacitanceWarning,
    Reading,
    judge,
    mean_of_batches,
    ratio,
    structural_reason,
)


def capacitance(
    model: keras.Model,
    x: Any,
    y: Any,
    method: str | None = None,
    interaction: str | None = None,
    strength: str | None = None,
    weighting: str | None = None,
    loss: str | None = None,
    batch_size: int = 256,
    reading: str | None = None,
    sample_weight: Any = None,
    nodes: str | None = None,
    error: float | None = None,
    seed: int = 0,
) -> Capacitance:
    """Neural capacitance beta_eff = 1'PP1 / 1'P1 of a model's probe on data, in one forward pass of the body (Eq. 2, 7).

    The body is run once, in batches and in inference mode; P is never formed.

    Args:
        model: a Keras model with an ncap probe, as attach_probe returns it, loaded from a file or not.
        x: inputs of the body, N samples. y: integer labels (N,), one-hot or soft targets (N, classes).
        method: "closed_form" (with error and cancellation), or "autodiff" (no error, and no cancellation, so that rounding noise is
            not told from a value). None means the cheapest that gives the reading; closed_form where none is named.
        reading: the name of a reading, as `ncap.list_readings()` lists them. One of mini-batches takes them in the order of x, the last
            of what is left; pass x and y in the order of training.
        interaction, strength, weighting, nodes: the parts of that name, in its place; as in ncap.reference.interaction_matrix. Left out
            they mean explicit, unit and kernels, and magnitude for closed_form but signed for autodiff.
        loss: "cross_entropy" or "squared_error"; None means the compiled one, else cross_entropy. A factor of the compiled loss is no
            part of it: reduction="sum", loss_weights, and the 2 / classes of a mean over outputs leave beta_eff as it is.
        batch_size: samples on the device at a time.
        sample_weight: what each sample's loss counts in training, (N,), at least 0; method "closed_form" only. Of `class_weight` in
            model.fit, which ncap cannot see, it is [class_weight[label] for label in y]. None counts every sample once.
        error: None for all samples, or the wanted standard error relative to beta_eff of all of them, such as 0.01. Then a stratified
            sample of 128 is read and enlarged, at most doubled at a time, until sd(psi) / sqrt(m) sqrt((N - m) / (N - 1)) and the bias
            that its two halves show come to no more than error |beta_eff| (T9). Readings of method "closed_form", not of mini-batches.
            The sample estimates its own error: where a few samples carry most of beta_eff it is too sure until it has met them (a
            ResNet50 after one epoch with sd(psi) = 4.7 beta_eff missed by 1.7 times the wanted error in the root mean square).
        seed: of that sample; the same seed takes the same samples first, in every epoch.

    Returns: Capacitance, computed in the probe's dtype, or in float32 where that is narrower, and never in TF32; it warns with
    CapacitanceWarning when the reading is degenerate. With `error`, n_samples says how many samples it took of `drawn_from`.

    Raises: TypeError or ValueError naming the argument, the rule and the remedy.

    >>> import keras, numpy as np, ncap
    >>> body = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="relu")])
    >>> model = ncap.attach_probe(body, classes=2, hidden=(5, 4))
    >>> c = ncap.capacitance(model, np.eye(3, dtype="float32"), [0, 1, 0], reading="explicit/magnitude/unit")
    >>> c.strength, c.n_samples, c.degenerate, c.beta_eff > 0
    ('magnitude', 3, False, True)
    """
    wanted = check_settings(method, interaction, strength, weighting, loss, batch_size, reading, nodes, error, seed)
    if error is None:
        (measured,) = _measure(model, x, y, [wanted], loss, batch_size, sample_weight)
    else:
        (measured,) = _sampled(model, x, y, [wanted], loss, batch_size, sample_weight, error=error, seed=seed)
    return measured.capacitance


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
    rescaled. A frozen probe is never stationary: train it (frozen=False) where that matters. `ncap.capacitance` takes it as
    reading="gradient".

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
    choose("method", method, table.METHODS)
    return capacitance(model, x, y, method, loss=loss, batch_size=batch_size, reading="gradient")


class Measurement(NamedTuple):
    """One reading as it was taken: the capacitance, and the seconds it took.

    seconds: of the reading itself, and its equal share of what all readings of one `take` need: checks and the pass of the body.
    """

    capacitance: Capacitance
    seconds: float

    def row(self, reading: str) -> dict[str, Any]:
        """What the table of readings keeps of it: its columns from `reading` to `seconds`."""
        c = self.capacitance
        return {
            "reading": reading,
            "beta_eff": float(c.beta_eff),
            "beta_eff_error": float(c.standard_error),
            "numerator": float(c.numerator),
            "denominator": float(c.denominator),
            "cancellation": float(c.cancellation),
            "reason": c.reason,
            "n_samples": int(c.n_samples),
            "seconds": float(self.seconds),
        }


def take(
    model: keras.Model,
    x: Any,
    y: Any,
    readings: Sequence[str],
    batch_size: int = 256,
    loss: str | None = None,
    order: np.ndarray | None = None,
    error: float | None = None,
) -> dict[str, Measurement]:
    """Several readings of one state of training, each by its cheapest method, all from one forward pass of the body.

    Args:
        model: a Keras model with an ncap probe. x: inputs of the body, N samples, or a view of them (`ncap.targets.Target.view`), of which
            one batch is in memory at a time. y: labels (N,) or targets (N, classes).
        readings: names of readings, as `ncap.list_readings()` lists them, each at most once.
        batch_size: samples on the device at a time.
        loss: "cross_entropy" or "squared_error"; None means the compiled one, else cross_entropy.
        order: numbers of samples, for readings of mini-batches: of all N in the order of training, or of the first so many; None for all
            in the order that they have.
        error: as in `ncap.capacitance`, of every reading; each takes its own number of samples, from one sample that grows for all.

    Returns: name -> Measurement, in the order of `readings`; a degenerate one warns with CapacitanceWarning.

    Raises: TypeError or ValueError as `ncap.capacitance` does.

    >>> import keras, numpy as np, ncap
    >>> body = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="relu")])
    >>> model = ncap.attach_probe(body, classes=2, hidden=(5, 4))
    >>> taken = take(model, np.eye(3, dtype="float32"), [0, 1, 0], ["explicit/magnitude/unit", "gradient"])
    >>> list(taken), taken["gradient"].capacitance.n_samples, taken["gradient"].seconds > 0
    (['explicit/magnitude/unit', 'gradient'], 3, True)
    """
    if isinstance(readings, str) or not isinstance(readings, Sequence) or not readings:
        raise TypeError(f"readings must be a list of names such as ['explicit/magnitude/unit'], got {readings!r:.80}")
    wanted = [table.chosen(table.check(name).name) for name in readings]
    if len(set(readings)) < len(readings):
        raise ValueError(f"readings must name each reading once, got {list(readings)!r:.200}")
    _check_work(loss, batch_size)
    if error is None:
        measured = _measure(model, x, y, wanted, loss, batch_size, order=order)
    else:
        for entry, method in wanted:
            sample.check_error(error, entry, method)
        measured = _sampled(model, x, y, wanted, loss, batch_size, error=error)
    return dict(zip(readings, measured, strict=True))


def _measure(
    model: keras.Model,
    x: Any,
    y: Any,
    wanted: Sequence[tuple[Entry, str]],
    loss: str | None,
    batch_size: int,
    sample_weight: Any = None,
    order: np.ndarray | None = None,
) -> list[Measurement]:
    """Every wanted (reading, method), from one pass of the body."""
    start = time.perf_counter()
    with quiet_tracing():  # Keras traces the body of every model anew
        inputs = _inputs(model, x, y, [method for _, method in wanted], loss, sample_weight)
        data = _data(model, inputs, None, batch_size)
    shared = (time.perf_counter() - start) / len(wanted)
    in_order = data if order is None else data.rows(np.asarray(order))
    measured = []
    for entry, method in wanted:
        start = time.perf_counter()
        capacitance = _one(entry, entry.methods[method], in_order if entry.batch else data, batch_size)
        measured.append(Measurement(capacitance, shared + time.perf_counter() - start))
    return measured


def _sampled(
    model: keras.Model,
    x: Any,
    y: Any,
    wanted: Sequence[tuple[Entry, str]],
    loss: str | None,
    batch_size: int,
    sample_weight: Any = None,
    *,
    error: float,
    seed: int = 0,
) -> list[Measurement]:
    """Every wanted (reading, method) on as many samples as its error needs; the body sees each sample once, for all readings (T9)."""
    start = time.perf_counter()
    inputs = _inputs(model, x, y, [method for _, method in wanted], loss, sample_weight)
    order = sample.stratified_order(inputs.targets.argmax(axis=1), seed)
    data, m, N = None, min(sample.START, len(order)), len(order)
    seconds, done = [0.0] * len(wanted), dict[int, tuple[Capacitance, list[warnings.WarningMessage]]]()
    while len(done) < len(wanted):
        with quiet_tracing():
            more = _data(model, inputs, order[0 if data is None else len(data.features) : m], batch_size)
        data = more if data is None else data.followed_by(more)
        seconds = [spent + (time.perf_counter() - start) / len(wanted) for spent in seconds]
        sizes = []
        for index in sorted(set(range(len(wanted))) - set(done)):
            start = time.perf_counter()
            entry, method = wanted[index]
            with warnings.catch_warnings(record=True) as caught:  # the last sample's verdict is the reading's
                warnings.simplefilter("always", CapacitanceWarning)
                capacitance = _one(entry, entry.methods[method], data, batch_size)
            needed = N if m == N else _needed(capacitance, entry, entry.methods[method], data, N, error, batch_size)
            if needed <= m:
                done[index] = replace(capacitance, drawn_from=N), caught
            sizes.append(needed)
            seconds[index] += time.perf_counter() - start
        start, m = time.perf_counter(), sample.next_size(m, max(sizes), N)
    for _, caught in done.values():
        for warning in caught:
            warnings.warn(warning.message, warning.category, stacklevel=4)
    return [Measurement(done[index][0], seconds[index]) for index in range(len(wanted))]


def _needed(
    capacitance: Capacitance, entry: Entry, module: str, data: ProbeData, N: int, error: float, batch_size: int
) -> int:
    """How many of N samples a reading needs for a relative error, as far as this one of the first m tells.

    A of a sample is quadratic in means over it, so that beta_eff has a bias of order 1/m: halves have twice that of the whole.
    """
    m = len(data.features)
    if capacitance.reason:  # what vanishes in a sample may be alive in the rest, but for what is 0 by structure
        return m if capacitance.reason in ("depth", "softmax") else N
    measure: Measure = import_module(module).measure
    with matmul_precision("float32"):
        halves = [
            measure(data.rows(rows), entry.parts, batch_size).moments for rows in (slice(m // 2), slice(m // 2, m))
        ]
    bias = sum(ratio(A, D) for A, D, _ in halves) / 2 - capacitance.beta_eff
    return sample.size_needed(capacitance.standard_error, m, N, error * abs(capacitance.beta_eff), bias)


def _one(entry: Entry, module: str, data: ProbeData, batch_size: int) -> Capacitance:
    """One reading by the method in `module`, with the verdict on it."""
    method = import_module(module)
    measure: Measure = method.measure
    with matmul_precision("float32"):
        if not entry.batch:
            return _judged(measure(data, entry.parts, batch_size), entry.parts, data, batch_size)
        batches = list(data.batches(entry.batch))
        if hasattr(method, "measure_each"):
            of_batches = method.measure_each(data, entry.parts, entry.batch)
        else:
            of_batches = [measure(part, entry.parts, batch_size) for part in batches]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=CapacitanceWarning)  # the mean warns, where it has to
            judged = [
                _judged(sums, entry.parts, part, batch_size) for sums, part in zip(of_batches, batches, strict=True)
            ]
        return mean_of_batches(judged, entry.batch)


def _judged(sums: Sums, reading: Reading, data: ProbeData, batch_size: int) -> Capacitance:
    """The sums of a reading of some samples, with the verdict on them."""
    probe, features, _, loss, _ = data
    # Second derivatives do not vanish with the errors, so that these may round.
    curved = reading.interaction in ("hessian", "full_hessian")
    return judge(
        sums.moments,
        reading,
        structural=structural_reason(len(probe.hidden) + 1, loss, reading),
        magnitude=sums.uncancelled,
        standard_error=sums.standard_error,
        n_samples=len(features),
        interior_weights=sum(unit.dense.kernel.shape[0] * unit.dense.units for unit in probe.units[1:]),
        rounding=float(np.finfo(features.dtype).eps),
        errors=1.0 if curved else error_cancellation(data, batch_size),
    )


class _Inputs(NamedTuple):
    """What a reading is taken of, checked, before the body is run: x (N, ...) or a view, targets (N, n_L), weights (N,) or None."""

    probe: Probe
    x: Any
    targets: np.ndarray
    loss: str
    weights: np.ndarray | None


def _inputs(
    model: keras.Model, x: Any, y: Any, methods: Sequence[str], loss: str | None, sample_weight: Any = None
) -> _Inputs:
    check_same_index(("y", y), ("sample_weight", sample_weight))
    probe, x, targets, loss = check_data(model, x, y, loss)
    weights = None if sample_weight is None else check_weight(sample_weight, len(targets), methods)
    _check_weights(model)
    own_precision = probe.compute_dtype == probe.variable_dtype and probe.compute_dtype in ("float32", "float64")
    if "autodiff" in methods and not own_precision:
        raise ValueError(
            f"method='autodiff' runs the probe's own layers, and they compute in {probe.compute_dtype} on {probe.variable_dtype} weights; "
            "use method='closed_form', or build the body with a float32 dtype policy"
        )
    return _Inputs(probe, x, targets, loss, weights)


def _data(model: keras.Model, inputs: _Inputs, rows: np.ndarray | None, batch_size: int) -> ProbeData:
    """The features of some samples, or of all, with their targets and weights."""
    probe, x, targets, loss, weights = inputs
    if rows is not None:
        targets, weights = targets[rows], None if weights is None else weights[rows]
    features = _features(model, probe, x, batch_size, rows)
    of_samples = None if weights is None else weights.astype(features.dtype)
    return ProbeData(probe, features, targets.astype(features.dtype), loss, of_samples)


def check_settings(
    method: str | None,
    interaction: str | None,
    strength: str | None,
    weighting: str | None,
    loss: str | None,
    batch_size: int,
    reading: str | None,
    nodes: str | None = None,
    error: float | None = None,
    seed: int = 0,
) -> tuple[Entry, str]:
    """The reading and its method; TypeError or ValueError for keywords that no model and no data could be read with."""
    wanted = table.chosen(reading, method, interaction, strength, weighting, nodes)
    _check_work(loss, batch_size)
    seed_number(seed)
    if error is not None:
        sample.check_error(error, *wanted)
    return wanted


def _check_work(loss: str | None, batch_size: int) -> None:
    if loss is not None:
        choose("loss", loss, LOSSES)
    whole_number("batch_size", batch_size, least=1)


def check_data(model: keras.Model, x: Any, y: Any, loss: str | None) -> tuple[Probe, np.ndarray, np.ndarray, str]:
    """The probe, inputs (N, ...), targets (N, classes) and loss; TypeError or ValueError where they do not fit. The body is not run."""
    probe = find_probe(model)
    _check_as_made(probe)
    if loss is None:
        loss = _compiled_loss(model)
    else:
        _warn_of_another_loss(model, loss)
    check_same_index(("x", x), ("y", y))
    x, expected = x if _is_view(x) else numbers("x", x), tuple(model.input_shape[1:])
    if not _fits(x.shape, expected):
        channels_last = x.shape[:1] + x.shape[2:] + x.shape[1:2]
        remedy = "; channels come last, x.transpose(0, 2, 3, 1)" if _fits(channels_last, expected) else ""
        remedy = "; add the axis of channels, x[..., None]" if _fits((*x.shape, 1), expected) else remedy
        raise ValueError(f"x must have shape (N, {', '.join(map(str, expected))}), N at least 1, got {x.shape}{remedy}")
    return probe, x, read_targets(y, len(x), probe.classes, loss), loss


def _check_as_made(probe: Probe) -> None:
    # A quantized kernel holds whole numbers, and the scale that makes weights of them is kept elsewhere.
    for dense in (*(unit.dense for unit in probe.units), probe.logits):
        if mode := getattr(dense, "quantization_mode", None):
            raise ValueError(
                f"the probe's layer {dense.name!r} is quantized to {mode}, and its kernel is no longer the weights; take readings of the "
                "model before model.quantize"
            )
        if dense.activation is not keras.activations.linear or not dense.use_bias:
            raise ValueError(
                f"the probe's layer {dense.name!r} was changed, to activation={dense.activation.__name__}, use_bias={dense.use_bias}, and "
                "computes something else than a probe; attach a fresh one with ncap.attach_probe(body, classes)"
            )


def check_weight(sample_weight: Any, n: int, methods: Sequence[str]) -> np.ndarray:
    """The weights (n,); ValueError for other shapes, negative or infinite ones, none above 0, and a method without a place for them."""
    weights = numbers("sample_weight", sample_weight)
    if weights.shape != (n,):
        raise ValueError(f"sample_weight must have shape ({n},), one number for each sample, got {weights.shape}")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ValueError(
            f"sample_weight must be finite, at least 0 and not 0 throughout, got {weights.min()}..{weights.max()}"
        )
    if set(methods) != {"closed_form"}:
        raise ValueError(
            "sample_weight is read by method='closed_form' only; pass a reading that it gives, such as 'explicit/magnitude/unit'"
        )
    return weights


def _is_view(x: Any) -> bool:
    """Whether x has a shape and slices that are arrays, as a target's view has, without being one itself."""
    return hasattr(x, "shape") and hasattr(x, "__getitem__") and not hasattr(x, "__array__")


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


_CLASSES = {
    "cross_entropy": ("SparseCategoricalCrossentropy", "CategoricalCrossentropy"),
    "squared_error": ("MeanSquaredError",),
}
_MULTI_LABEL = ("BinaryCrossentropy", "BinaryFocalCrossentropy")
_SUPPORTED = (
    "beta_eff is read of one loss, softmax cross-entropy or mean squared error, since its errors are p - y: read as either, another loss "
    "gives a number that is not the model's"
)


def _compiled_loss(model: keras.Model) -> str:
    """The compiled loss in our words: cross_entropy or squared_error; ValueError for any other, by name."""
    compiled = getattr(model, "loss", None)
    if compiled is None:
        return "cross_entropy"
    if type(model).compute_loss is not keras.Model.compute_loss or type(model).train_step is not keras.Model.train_step:
        raise ValueError(
            f"the model's class {type(model).__name__!r} computes a loss of its own, in compute_loss or train_step, and beta_eff of the "
            "compiled one is not the model's; pass loss='cross_entropy' or 'squared_error', if that is what it minimises"
        )
    try:
        loss = keras.losses.get(compiled)
    except (TypeError, ValueError):  # a list or dictionary, for models of several outputs
        raise ValueError(f"the model's compiled loss {compiled!r:.80} is not one loss; {_SUPPORTED}") from None
    name = getattr(loss, "name", None) or getattr(loss, "__name__", repr(loss))
    if _is_one_of(loss, _CLASSES["cross_entropy"]):
        settings = loss.get_config() if isinstance(loss, keras.losses.Loss) else {}
        if settings.get("label_smoothing"):
            raise ValueError(
                f"the model's compiled loss {name!r} has label_smoothing={settings['label_smoothing']}; pass loss='cross_entropy' with "
                "smoothed targets y of shape (N, classes)"
            )
        if settings.get("ignore_class") is not None:
            raise ValueError(
                f"the model's compiled loss {name!r} has ignore_class={settings['ignore_class']}, and beta_eff would count its samples; "
                "leave them out of x and y, and pass loss='cross_entropy'"
            )
        if settings.get("axis", -1) not in (-1, 1):
            raise ValueError(
                f"the model's compiled loss {name!r} has axis={settings['axis']}, but the classes are on the last axis, -1"
            )
        if not settings.get("from_logits"):
            warnings.warn(
                f"the model returns logits but its compiled loss {name!r} has from_logits=False, so training minimises something "
                "else than cross_entropy; compile with a keras.losses object and from_logits=True",
                stacklevel=4,
            )
        return "cross_entropy"
    if _is_one_of(loss, _CLASSES["squared_error"]):
        return "squared_error"
    multi_label = " over labels that do not exclude each other" if _is_one_of(loss, _MULTI_LABEL) else ""
    raise ValueError(f"the model's compiled loss {name!r}{multi_label} is not supported; {_SUPPORTED}")


def _warn_of_another_loss(model: keras.Model, loss: str) -> None:
    """Warn where the loss that is passed is not the compiled one, label smoothing and left-out classes apart."""
    compiled = getattr(model, "loss", None)
    if compiled is None:
        return
    with suppress(TypeError, ValueError):
        if _is_one_of(keras.losses.get(compiled), _CLASSES[loss]):
            return
    warnings.warn(
        f"loss={loss!r} is passed, but the model is compiled with {getattr(compiled, 'name', compiled)!r:.80}: beta_eff is of the loss "
        "passed, and not of the training; compile the model with it",
        stacklevel=4,
    )


def _is_one_of(loss: Any, classes: tuple[str, ...]) -> bool:
    """Whether a loss is an object of one of Keras' classes, or the function behind one; its name may be anything."""
    own = [getattr(keras.losses, name) for name in classes]
    # A subclass that computes something else is another loss.
    inherits = any(
        isinstance(loss, kind) and type(loss).call is kind.call and type(loss).__call__ is kind.__call__ for kind in own
    )
    return inherits or any(loss is keras.losses.get(_snake_case(name)) for name in classes)


def _snake_case(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _features(model: keras.Model, probe: Probe, x: Any, batch_size: int, rows: np.ndarray | None = None) -> np.ndarray:
    """z_0 of all samples or of some, shape (n, n_0), in the probe's dtype: the one forward pass of the body."""
    body = body_under(model, probe)
    _forget_what_has_changed(body)
    starts = range(0, len(x) if rows is None else len(rows), batch_size)
    parts = (slice(start, start + batch_size) if rows is None else rows[start : start + batch_size] for start in starts)
    features = np.concatenate([_batch_features(body, probe, x[part]) for part in parts])
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


# Body -> its description and its predict function, weakly, when Keras last ran it for a reading.
_TRACED: WeakKeyDictionary[keras.Model, tuple[str, ref[Any]]] = WeakKeyDictionary()


def _forget_what_has_changed(body: keras.Model) -> None:
    """Have Keras trace the body anew if it may have changed since: a traced function keeps the attributes that layers had then."""
    description = ""
    with suppress(Exception):  # a user's get_config may return anything
        description = described_model(body)
    known, function = _TRACED.get(body, ("", None))
    if not description or known != description or function is None or function() is not body.predict_function:
        body.predict_function = None
    body.make_predict_function()
    with suppress(TypeError):  # what cannot be referred to weakly is traced anew
        _TRACED[body] = description, ref(body.predict_function)


def _batch_features(body: keras.Model, probe: Probe, x: np.ndarray) -> np.ndarray:
    if not np.isfinite(x).all():  # here, where it costs little: a relu may swallow NaN
        raise ValueError("x holds NaN or infinity; pass finite inputs")
    features = ops.convert_to_numpy(probe.features(body.predict_on_batch(x)))
    if not np.isfinite(features).all():
        raise ValueError("the body's output holds NaN or infinity: training diverged; lower the learning rate")
    return features
