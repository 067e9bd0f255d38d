"""The metric of training, batch by batch, on any backend: a confusion matrix that every step adds to."""

from typing import Any

import keras
from keras import ops

from ncap.metrics import METRICS


class ConfusionMetric(keras.metrics.Metric):
    """A metric of `ncap.metrics` over the samples since its last reset, in float32; `name` is that of the metric.

    >>> import numpy as np
    >>> metric = ConfusionMetric("balanced_accuracy", classes=2)
    >>> metric.update_state(np.array([0, 0, 0, 1]), np.array([[2.0, 1.0], [2.0, 1.0], [1.0, 2.0], [1.0, 2.0]]))
    >>> round(float(metric.result()), 4)     # (2 / 3 + 1) / 2
    0.8333
    """

    def __init__(self, name: str, classes: int) -> None:
        super().__init__(name=METRICS[name].name)
        self.classes = classes
        self.counts = self.add_weight(shape=(classes, classes), initializer="zeros", name="counts")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count labels (b,) or (b, 1) and logits (b, classes)."""
        truth = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), self.classes)
        guess = ops.one_hot(ops.argmax(y_pred, axis=-1), self.classes)
        self.counts.assign_add(ops.cast(ops.matmul(ops.transpose(truth), guess), self.counts.dtype))

    def result(self) -> Any:
        """The value so far; 0 before the first sample."""
        metric, counts = METRICS[self.name], self.counts
        above, below = metric.ratios(ops.diagonal(counts), ops.sum(counts, axis=1), ops.sum(counts, axis=0))
        if metric.pooled:
            return ops.sum(above) / ops.maximum(ops.sum(below), 1)
        present = ops.cast(below > 0, below.dtype)
        return ops.sum(above / ops.maximum(below, 1)) / ops.maximum(ops.sum(present), 1)
