"""A Keras callback that takes a reading of neural capacitance after every epoch, and predicts from all of them."""

import math
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import keras

from ncap.measure.measurement import capacitance, check_data, check_settings, check_weight
from ncap.rules import resolve
from ncap.rules.contract import HORIZON, Curve, checked_horizon

if TYPE_CHECKING:
    from ncap.reference import Capacitance
    from ncap.rules.contract import Prediction, Rule

# What a rule reads of the logs of model.fit; the validation accuracy has the name of the metric.
_LOGGED = {"train_loss": "loss", "val_loss": "val_loss", "train_accuracy": "accuracy"}


class CapacitanceCallback(keras.callbacks.Callback):
    """Writes beta_eff, its standard error and the accuracy that a rule predicts into the logs of every epoch, where `History` finds them.

        logs["beta_eff"] = beta_eff(model, x, y) after the epoch,   logs["beta_eff_error"] = its standard error over the samples
        logs["beta_eff_prediction"] = what the rule predicts from the epochs so far; only in epochs with a validation accuracy

    A callback sees the logs as those before it in the list left them: put this one before CSVLogger, TensorBoard, EarlyStopping and
    ModelCheckpoint.
    beta_eff falls while training converges, so that what monitors it needs the mode "min":

        callbacks=[ncap.CapacitanceCallback(x, y), keras.callbacks.EarlyStopping("beta_eff", mode="min", patience=3)]

    Use the same x and y in every epoch: readings on different samples differ by their sampling error. An epoch whose loss is not
    finite gives NaN without a reading.

    Args:
        x: inputs, shape (N, ...), as the model takes them.
        y: labels, shape (N,), or targets, shape (N, classes).
        method, interaction, strength, weighting, loss, batch_size, reading, sample_weight, nodes, error, seed: as in `ncap.capacitance`.
            No callback can see the class_weight or sample_weight that model.fit was given: pass sample_weight here too. Nor does it see
            the order in which an epoch took its samples: a reading of mini-batches takes those of x as it stands.
        name: key in the logs, "beta_eff", of the error, "beta_eff_error", and of the prediction, "beta_eff_prediction"; of several
            callbacks each needs its own.
        rule: what predicts; `ncap rules` lists the names. With fewer epochs than it needs, it gives the last-seen accuracy.
        horizon: the epoch whose accuracy is predicted, for rules that extrapolate to one.
        accuracy: key of the validation accuracy in the logs, a fraction.

    Attributes: `last`, the latest Capacitance, None before the first; `seconds`, how long that reading took; `prediction`, the latest
    `ncap.rules.contract.Prediction` with its interval and its note, None before the first.

    Raises: TypeError or ValueError as `ncap.capacitance` does: for the settings at once, for model and data before the first epoch, and
    for a name that another callback or a metric has, or a validation accuracy that is no fraction, at the end of the first.

    >>> import keras, ncap, numpy as np
    >>> body = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="relu")])
    >>> model = ncap.attach_probe(body, classes=2, hidden=(5, 4))
    >>> model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    >>> x, y = np.ones((6, 4), "float32"), np.array([0, 1, 0, 1, 0, 1])
    >>> history = model.fit(x, y, epochs=2, verbose=0, callbacks=[ncap.CapacitanceCallback(x, y)])
    >>> len(history.history["beta_eff"])
    2
    """

    def __init__(
        self,
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
        name: str = "beta_eff",
        rule: "str | Rule" = "capacitance",
        horizon: float = HORIZON,
        accuracy: str = "val_accuracy",
        nodes: str | None = None,
        error: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        for argument, key in (("name", name), ("accuracy", accuracy)):
            if not isinstance(key, str) or not key:
                default = {"name": "beta_eff", "accuracy": "val_accuracy"}[argument]
                raise TypeError(f"{argument} must be a text, the key in the logs, such as {default!r}, got {key!r:.80}")
        self.name, self.sample_weight = name, sample_weight
        self.x, self.y = x, y
        self.options: dict[str, Any] = {
            "method": method,
            "interaction": interaction,
            "strength": strength,
            "weighting": weighting,
            "loss": loss,
            "batch_size": batch_size,
            "reading": reading,
            "nodes": nodes,
            "error": error,
            "seed": seed,
        }
        _, self.method = check_settings(**self.options)
        self.rule, self.horizon, self.accuracy = resolve(rule), checked_horizon(horizon), accuracy
        self.last: Capacitance | None = None
        self.prediction: Prediction | None = None
        self.seconds = 0.0
        self._seen: dict[str, list[float]] = defaultdict(
            list
        )  # column of a rule's curve -> a value per epoch with a validation accuracy

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Check that model and data can be read before an epoch is spent on them, and forget an earlier training."""
        self._seen.clear()
        self.prediction = None
        _, _, targets, _ = check_data(self.model, self.x, self.y, self.options["loss"])
        if self.sample_weight is not None:
            check_weight(self.sample_weight, len(targets), [self.method])

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Read the capacitance and write it into `logs`."""
        logs = {} if logs is None else logs
        own = [f"{self.name}{ending}" for ending in ("", "_error", "_prediction")]
        if taken := [key for key in own if key in logs]:
            raise ValueError(
                f"the logs hold {taken[0]!r} already, from another callback or a metric; give this one a name of its own: "
                f"ncap.CapacitanceCallback(..., name='{self.name}_2')"
            )
        start = time.perf_counter()
        self.last = None
        if math.isfinite(logs.get("loss", 0.0)):
            self.last = capacitance(self.model, self.x, self.y, **self.options, sample_weight=self.sample_weight)
        self.seconds = time.perf_counter() - start
        beta, error = (math.nan, math.nan) if self.last is None else (self.last.beta_eff, self.last.standard_error)
        logs[own[0]], logs[own[1]] = float(beta), float(error)
        if self.accuracy in logs:
            read = math.nan if self._is_dead(logs) else float(beta)
            self._see(epoch, logs, {"beta_eff": read, "beta_eff_error": float(error)})
            logs[own[2]] = self._predicted()

    def _see(self, epoch: int, logs: dict[str, Any], reading: dict[str, float]) -> None:
        """Keep what a rule may read of an epoch; NaN for what the logs do not hold."""
        seen = {"epoch": float(epoch + 1), "val_accuracy": float(logs[self.accuracy]), **reading}
        seen |= {column: float(logs.get(key, math.nan)) for column, key in _LOGGED.items()}
        if seen["val_accuracy"] < 0 or seen["val_accuracy"] > 1:
            raise ValueError(
                f"accuracy: logs[{self.accuracy!r}] is {seen['val_accuracy']:g}, and a fraction in 0..1 is needed; pass the key of one"
            )
        for column, value in seen.items():
            self._seen[column].append(value)

    def _is_dead(self, logs: dict[str, Any]) -> bool:
        """Whether the features have died, so that the 0 of this epoch is no reading for a rule, as in a ranking."""
        if self.last is None or self.last.reason != "zero":
            return False
        import pandas as pd

        from ncap.ranking.doubts import is_dead

        seen = {"train_accuracy": float(logs.get("accuracy", math.nan)), "val_accuracy": float(logs[self.accuracy])}
        return bool(is_dead(pd.DataFrame([{"reason": self.last.reason, **seen}])).all())

    def _predicted(self) -> float:
        columns: dict[str, Any] = dict(self._seen)
        curve = Curve.of(self.model.name, horizon=self.horizon, **columns)
        self.prediction = self.rule.predict(curve, {})
        return self.prediction.value
