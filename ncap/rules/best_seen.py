"""The best-seen accuracy: max_t I_t over the ticks seen."""

from collections.abc import Mapping
from typing import ClassVar

from ncap.rules.contract import NOTHING_SEEN, Curve, Prediction, Rule


class BestSeen(Rule):
    """The best-seen accuracy: max_t I_t over the ticks seen.

    A tick that some run lacks is left out; without any tick the prediction is NaN and its status "fallback".

    >>> BestSeen().predict(Curve.of(val_accuracy=[0.25, 0.75, 0.5]), {}).value
    0.75
    """

    name: ClassVar[str] = "best_seen"
    summary: ClassVar[str] = "The highest validation accuracy of any tick."
    needs: ClassVar[tuple[str, ...]] = ("val_accuracy",)
    source: ClassVar[str] = "the usual practice with early stopping"

    def predict(self, curve: Curve, scores: Mapping[str, float]) -> Prediction:
        """The prediction for one candidate; the scores are not read."""
        seen = curve.having("val_accuracy")
        if not len(seen):
            return Prediction.fallback(seen, NOTHING_SEEN)
        return Prediction.of_accuracy(seen.val_accuracy.max(), seen)
