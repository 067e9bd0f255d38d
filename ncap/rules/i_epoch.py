"""The accuracy after i epochs: everyone is stopped there, and nothing is extrapolated."""

from collections.abc import Mapping
from typing import ClassVar

from ncap.arguments import whole_number
from ncap.rules.contract import Curve, Prediction, Rule


class IEpoch(Rule):
    """i-Epoch: the validation accuracy of the last tick up to epoch i, i = 1 unless given (Egele et al. 2024, arXiv 2404.04111).

    What is seen later is not read: the rule says what a comparison after i epochs would have cost nothing more to know. Where no tick lies
    up to epoch i, the last-seen accuracy stands in.

    >>> curve = Curve.of(val_accuracy=[0.25, 0.5, 0.75])
    >>> IEpoch().predict(curve, {}).value, IEpoch(2).predict(curve, {}).value
    (0.25, 0.5)
    """

    name: ClassVar[str] = "i_epoch"
    summary: ClassVar[str] = "The validation accuracy after one epoch, whatever is seen later."
    needs: ClassVar[tuple[str, ...]] = ("epoch", "val_accuracy")
    source: ClassVar[str] = "Egele et al. 2024, arXiv 2404.04111"

    def __init__(self, epoch: int = 1) -> None:
        self.epoch = whole_number("epoch", epoch, least=1)
        if self.epoch != 1:
            vars(self)["name"] = f"i_epoch_{self.epoch}"  # two of them stay apart in a comparison

    def predict(self, curve: Curve, scores: Mapping[str, float]) -> Prediction:
        """The prediction for one candidate; the scores are not read."""
        seen = curve.having("epoch", "val_accuracy")
        early = seen.at(seen.epoch <= self.epoch)
        if not len(early):
            return Prediction.fallback(curve, f"last-seen accuracy: nothing was seen up to epoch {self.epoch}")
        return Prediction.of_accuracy(float(early.val_accuracy[-1]), early)
