"""Rules that learn from the curves of other candidates, read at the epochs at which the candidate itself was seen."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from ncap.rules.contract import UNFITTED, Curve, FloatArray, Outcome, Prediction, Rule

# Accuracies and facts of n candidates, shape (n, k) and (n, f) -> predictions and their standard deviations, shape (n,).
Model = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]


class Beginnings(NamedTuple):
    """What m curves of the history showed at the epochs at which a candidate was seen, and how they ended.

    epochs: shape (k,); seen: accuracies there, shape (m, k); facts: shape (m, f); ends: final accuracies, shape (m,); targets: m names;
    curves: the whole curves.
    """

    epochs: FloatArray
    seen: FloatArray
    facts: FloatArray
    ends: FloatArray
    targets: list[str]
    curves: list[Curve]


class Learned(Rule):
    """A rule that learns from whole curves what a beginning says of the end.

    It reads accuracies at the epochs at which the candidate was seen, so that one model is fitted for each set of epochs. A curve of the
    history is read there by linear interpolation, and left out where it does not reach over all of them. Before it is fitted, with too
    few such curves, or where a fact is missing, the last-seen accuracy stands in.

    Args:
        facts: scores that are read as well, such as ("parameters",); outcomes and candidates must have them.

    A subclass has, beside the attributes of a rule, `least`: how many curves it needs.
    """

    needs: ClassVar[tuple[str, ...]] = ("epoch", "val_accuracy")
    learns: ClassVar[bool] = True
    least: ClassVar[int] = 2

    def __init__(self, facts: Sequence[str] = ()) -> None:
        self.facts = tuple(facts)
        self._history: list[Outcome] = []
        self._models: dict[tuple[float, ...], Model | int] = {}
        if self.facts:
            vars(self)["needs"] = (*type(self).needs, *(f"score:{fact}" for fact in self.facts))

    @abstractmethod
    def model(self, known: Beginnings) -> Model:
        """What a beginning says of the end."""

    def learn(self, history: list[Outcome]) -> None:
        """Keep the curves that have an end and every fact."""
        whole = (end._replace(curve=end.curve.having("epoch", "val_accuracy")) for end in history)
        self._history = [
            end for end in whole if len(end.curve) and np.isfinite([end.accuracy, *self._facts(end.scores)]).all()
        ]
        self._models = {}

    def predict(self, curve: Curve, scores: Mapping[str, float]) -> Prediction:
        """The prediction for one candidate; of the scores it reads its facts."""
        return self.predict_many([curve], [scores])[0]

    def predict_many(self, curves: Sequence[Curve], scores: Sequence[Mapping[str, float]]) -> list[Prediction]:
        """The predictions for several candidates: those seen at the same epochs are predicted by one model."""
        seen = [curve.having("epoch", "val_accuracy") for curve in curves]
        groups: dict[tuple[float, ...], list[int]] = {}
        for i, curve in enumerate(seen):
            groups.setdefault(tuple(curve.epoch.tolist()), []).append(i)
        made: dict[int, Prediction] = {}
        for epochs, members in groups.items():
            made |= self._predicted(epochs, {i: seen[i] for i in members}, {i: scores[i] for i in members})
        return [made[i] for i in range(len(curves))]

    def _predicted(
        self, epochs: tuple[float, ...], seen: Mapping[int, Curve], scores: Mapping[int, Mapping[str, float]]
    ) -> dict[int, Prediction]:
        """The predictions for candidates that were seen at the same epochs."""
        known = {i: self._facts(scores[i]) for i in seen}
        note = self._obstacle(epochs)
        usable = [] if note else [i for i in seen if np.isfinite(known[i]).all()]
        note = note or f"last-seen accuracy: a score is missing of {', '.join(self.facts)}"
        made = {i: Prediction.fallback(curve, note) for i, curve in seen.items()}
        if usable:
            model = self._models[epochs]
            assert callable(model)
            values, stds = model(np.array([seen[i].val_accuracy for i in usable]), np.array([known[i] for i in usable]))
            for i, value, std in zip(usable, values.tolist(), stds.tolist(), strict=True):
                if np.isfinite(value):
                    made[i] = self._one(value, std, seen[i])
        return made

    def _one(self, value: float, std: float, seen: Curve) -> Prediction:
        return Prediction.of_accuracy(value, seen, std) if self.is_accuracy else Prediction.of_score(value, seen)

    def _obstacle(self, epochs: tuple[float, ...]) -> str:
        """Why there is no model for these epochs; "" where there is one, which is fitted on the first call."""
        if not epochs:
            return "last-seen accuracy: nothing was seen"  # replaced by the fallback itself
        if not self._history:
            return UNFITTED
        if epochs not in self._models:
            self._models[epochs] = self._fitted(np.array(epochs))
        found = self._models[epochs]
        return (
            f"last-seen accuracy: {found} curves of the history reach over the epochs seen, {self.least} needed"
            if isinstance(found, int)
            else ""
        )

    def _fitted(self, epochs: FloatArray) -> Model | int:
        """The model for these epochs, or the number of curves where they are too few."""
        reaching = [
            end for end in self._history if end.curve.epoch[0] <= epochs[0] and epochs[-1] <= end.curve.epoch[-1]
        ]
        if len(reaching) < self.least:
            return len(reaching)
        known = Beginnings(
            epochs,
            np.array([np.interp(epochs, end.curve.epoch, end.curve.val_accuracy) for end in reaching]),
            np.array([self._facts(end.scores) for end in reaching]),
            np.array([end.accuracy for end in reaching]),
            [end.target for end in reaching],
            [end.curve for end in reaching],
        )
        return self.model(known)

    def _facts(self, scores: Mapping[str, float]) -> FloatArray:
        return np.array([scores.get(fact, np.nan) for fact in self.facts], dtype=np.float64)


def differences(seen: FloatArray) -> FloatArray:
    """The accuracies, their first and their second differences side by side, shape (n, 3 k - 3) for k > 1 ticks.

    >>> differences(np.array([[0.25, 0.5, 1.0]])).tolist()
    [[0.25, 0.5, 1.0, 0.25, 0.5, 0.25]]
    """
    parts = [np.diff(seen, n=order, axis=1) for order in (0, 1, 2) if seen.shape[1] > order]
    return np.concatenate(parts, axis=1)
