"""A Keras callback that takes a reading of neural capacitance after every epoch."""

import math
import time
from typing import TYPE_CHECKING, Any

import keras

from ncap.measure.measurement import capacitance, check_data, check_settings

if TYPE_CHECKING:
    from ncap.reference import Capacitance


class CapacitanceCallback(keras.callbacks.Callback):
    """Writes beta_eff and its standard error into the logs of every epoch, so that they appear in `History`.

        logs["beta_eff"] = beta_eff(model, x, y) after the epoch,   logs["beta_eff_error"] = its standard error over the samples

    Use the same x and y in every epoch: readings on different samples differ by their sampling error. An epoch whose loss is not
    finite gives NaN without a reading.

    Args:
        x: inputs, shape (N, ...), as the model takes them.
        y: labels, shape (N,), or targets, shape (N, classes).
        method, interaction, strength, weighting, loss, batch_size, reading: as in `ncap.capacitance`.

    Attributes: `last`, the latest Capacitance, None before the first; `seconds`, how long that reading took.

    Raises: TypeError or ValueError as `ncap.capacitance` does: for the settings at once, for model and data before the first epoch.

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
    ) -> None:
        super().__init__()
        self.x, self.y = x, y
        self.options: dict[str, Any] = {
            "method": method,
            "interaction": interaction,
            "strength": strength,
            "weighting": weighting,
            "loss": loss,
            "batch_size": batch_size,
            "reading": reading,
        }
        check_settings(**self.options)
        self.last: Capacitance | None = None
        self.seconds = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Check that model and data can be read before an epoch is spent on them."""
        check_data(self.model, self.x, self.y, self.options["loss"])

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Read the capacitance and write it into `logs`."""
        logs = {} if logs is None else logs
        start = time.perf_counter()
        self.last = (
            capacitance(self.model, self.x, self.y, **self.options) if math.isfinite(logs.get("loss", 0.0)) else None
        )
        self.seconds = time.perf_counter() - start
        logs["beta_eff"] = float("nan") if self.last is None else float(self.last.beta_eff)
        logs["beta_eff_error"] = float("nan") if self.last is None else float(self.last.standard_error)
