"""A Keras callback that takes a reading of neural capacitance after every epoch."""

import math
import time
from typing import TYPE_CHECKING, Any

import keras

from ncap.measure.measurement import capacitance, check_data, check_settings, check_weight

if TYPE_CHECKING:
    from ncap.reference import Capacitance


class CapacitanceCallback(keras.callbacks.Callback):
    """Writes beta_eff and its standard error into the logs of every epoch, so that they appear in `History`.

        logs["beta_eff"] = beta_eff(model, x, y) after the epoch,   logs["beta_eff_error"] = its standard error over the samples

    A callback sees the logs as those before it in the list left them: put this one before CSVLogger, EarlyStopping and ModelCheckpoint.
    beta_eff falls while training converges, so that what monitors it needs the mode "min":

        callbacks=[ncap.CapacitanceCallback(x, y), keras.callbacks.EarlyStopping("beta_eff", mode="min", patience=3)]

    Use the same x and y in every epoch: readings on different samples differ by their sampling error. An epoch whose loss is not
    finite gives NaN without a reading.

    Args:
        x: inputs, shape (N, ...), as the model takes them.
        y: labels, shape (N,), or targets, shape (N, classes).
        method, interaction, strength, weighting, loss, batch_size, reading, sample_weight, nodes: as in `ncap.capacitance`. No callback
            can see the class_weight or sample_weight that model.fit was given: pass sample_weight here too. Nor does it see the order in
            which an epoch took its samples: a reading of mini-batches takes those of x as it stands.
        name: key in the logs, "beta_eff", and of the error, "beta_eff_error"; of several callbacks each needs its own.

    Attributes: `last`, the latest Capacitance, None before the first; `seconds`, how long that reading took.

    Raises: TypeError or ValueError as `ncap.capacitance` does: for the settings at once, for model and data before the first epoch, and
    for a name that another callback or a metric has at the end of the first.

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
        nodes: str | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(name, str) or not name:
            raise TypeError(f"name must be a text, the key in the logs, such as 'beta_eff', got {name!r:.80}")
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
        }
        _, self.method = check_settings(**self.options)
        self.last: Capacitance | None = None
        self.seconds = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Check that model and data can be read before an epoch is spent on them."""
        _, _, targets, _ = check_data(self.model, self.x, self.y, self.options["loss"])
        if self.sample_weight is not None:
            check_weight(self.sample_weight, len(targets), [self.method])

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Read the capacitance and write it into `logs`."""
        logs = {} if logs is None else logs
        if taken := [key for key in (self.name, f"{self.name}_error") if key in logs]:
            raise ValueError(
                f"the logs hold {taken[0]!r} already, from another callback or a metric; give this one a name of its own: "
                f"ncap.CapacitanceCallback(..., name='{self.name}_2')"
            )
        start = time.perf_counter()
        self.last = None
        if math.isfinite(logs.get("loss", 0.0)):
            self.last = capacitance(self.model, self.x, self.y, **self.options, sample_weight=self.sample_weight)
        self.seconds = time.perf_counter() - start
        logs[self.name] = float("nan") if self.last is None else float(self.last.beta_eff)
        logs[f"{self.name}_error"] = float("nan") if self.last is None else float(self.last.standard_error)
