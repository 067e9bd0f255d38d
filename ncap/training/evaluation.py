"""Evaluation: the metric and the loss of a model on one part of a target."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from ncap.metrics import METRICS, confusion

if TYPE_CHECKING:
    import keras


def evaluate(
    model: "keras.Model", batches: Iterable[tuple[np.ndarray, np.ndarray]], metric: str = "accuracy"
) -> dict[str, float]:
    """ "accuracy", which is the metric, and "loss" of a model that returns logits; NaN without batches, as for a part that is lacking."""
    # model.evaluate would rebuild a pipeline every time, which for small sets costs more than the evaluation itself.
    parts = [(model.predict_on_batch(x), y) for x, y in batches]
    if not parts:
        return {"accuracy": math.nan, "loss": math.nan}
    logits, labels = (np.concatenate(side) for side in zip(*parts, strict=True))
    return metric_and_loss(logits, labels, metric)


def metric_and_loss(logits: np.ndarray, y: np.ndarray, metric: str = "accuracy") -> dict[str, float]:
    """The metric of argmax a, under "accuracy", and the mean cross-entropy ln sum_k exp(a_k) - a_y.

    logits: a (N, classes); y: labels (N,); metric: a name of `ncap.metrics.METRICS`. Computed in float64, so that equal counts give equal
    values, whatever the batches. Logits that are not all finite are never right.

    >>> metric_and_loss(np.array([[0.0, 0.0], [0.0, np.log(3.0)]]), np.array([1, 1]))     # (ln 2 + ln 4/3) / 2
    {'accuracy': 0.5, 'loss': 0.49041462650586315}
    >>> metric_and_loss(np.array([[np.nan, np.nan]]), np.array([0]))
    {'accuracy': 0.0, 'loss': nan}
    """
    from scipy.special import logsumexp

    a = logits.astype(np.float64)
    loss = logsumexp(a, axis=1) - a[np.arange(len(y)), y]
    chosen, broken = a.argmax(axis=1), ~np.isfinite(a).all(axis=1)
    chosen[broken] = (y[broken] + 1) % a.shape[1]
    counts = confusion(y, chosen, a.shape[1])
    return {"accuracy": METRICS[metric].of(counts), "loss": float(loss.mean())}
