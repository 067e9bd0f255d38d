"""Evaluation: the accuracy and loss of a model on one part of a target."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras


def evaluate(model: "keras.Model", batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """Accuracy and loss of a model that returns logits; NaN without batches, as for a part that the target lacks."""
    # model.evaluate would rebuild a pipeline every time, which for small sets costs more than the evaluation itself.
    parts = [(model.predict_on_batch(x), y) for x, y in batches]
    if not parts:
        return {"accuracy": math.nan, "loss": math.nan}
    logits, labels = (np.concatenate(side) for side in zip(*parts, strict=True))
    return accuracy_and_loss(logits, labels)


def accuracy_and_loss(logits: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Share of y = argmax a and mean cross-entropy ln sum_k exp(a_k) - a_y, of logits a (N, classes) and labels y (N,).

    Computed in float64, so that equal counts give equal accuracies, whatever the batches. Logits that are not all finite are never right.

    >>> accuracy_and_loss(np.array([[0.0, 0.0], [0.0, np.log(3.0)]]), np.array([1, 1]))     # (ln 2 + ln 4/3) / 2
    {'accuracy': 0.5, 'loss': 0.49041462650586315}
    >>> accuracy_and_loss(np.array([[np.nan, np.nan]]), np.array([0]))
    {'accuracy': 0.0, 'loss': nan}
    """
    from scipy.special import logsumexp

    a = logits.astype(np.float64)
    loss = logsumexp(a, axis=1) - a[np.arange(len(y)), y]
    right = (a.argmax(axis=1) == y) & np.isfinite(a).all(axis=1)
    return {"accuracy": float(np.mean(right)), "loss": float(loss.mean())}
