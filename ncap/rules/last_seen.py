"""The last-seen accuracy: I_k, the validation accuracy of the last tick."""

from collections.abc import Mapping
from typing import ClassVar

from ncap.rules.contract import NOTHING_SEEN, Curve, Prediction, Rule


class LastSeen(Rule):
    """The last-seen accuracy: I_k, the validation accuracy of the last tick.

    A tick that some run lacks is left out; without any tick the prediction is NaN and its status "fallback".

    >>> LastSeen().predict(Curve.of(val_accuracy=[0.25, 0.75, 0.5]), {}).value
    0.5
    """

    name: ClassVar[str] = "last_seen"
    summary: ClassVar[str] = "The validation accuracy of the last tick."
    needs: ClassVar[tuple[str, ...]] = ("val_accuracy",)
    source: ClassVar[str] = "the usual practice; the rung of successive halving (Jamieson and Talwalkar 2016)"

    def predict(self, curve: Curve, scores: Mapping[str, float]) -> Prediction:
        """The prediction for one candidate; the scores are not read."""
        seen = curve.having("val_accuracy")
        if not len(seen):
            return Prediction.fallback(seen, NOTHING_SEEN)
        return Prediction.of_accuracy(seen.val_accuracy[-1], seen)
