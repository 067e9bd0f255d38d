"""The mean accuracy seen: (1 / k) sum_t I_t over the k ticks seen."""

from collections.abc import Mapping
from typing import ClassVar

from ncap.rules.contract import NOTHING_SEEN, Curve, Prediction, Rule


class MeanSeen(Rule):
    """The mean accuracy seen: (1 / k) sum_t I_t over the k ticks seen.

    A tick that some run lacks is left out; without any tick the prediction is NaN and its status "fallback".

    >>> MeanSeen().predict(Curve.of(val_accuracy=[0.25, 0.75, 0.5]), {}).value
    0.5
    """

    name: ClassVar[str] = "mean_seen"
    summary: ClassVar[str] = "The mean validation accuracy over the ticks."
    needs: ClassVar[tuple[str, ...]] = ("val_accuracy",)
    source: ClassVar[str] = "what a ridge on noise returns (MATHEMATICS.md, section 7)"

    def predict(self, curve: Curve, scores: Mapping[str, float]) -> Prediction:
        """The prediction for one candidate; the scores are not read."""
        seen = curve.having("val_accuracy")
        if not len(seen):
            return Prediction.fallback(seen, NOTHING_SEEN)
        return Prediction.of_accuracy(seen.val_accuracy.mean(), seen)
