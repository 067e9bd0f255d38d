"""Learning to rank learning curves, after Wistuba and Pedapati 2020."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ncap.rules.contract import FloatArray
from ncap.rules.learned import Beginnings, Learned, Model, differences

MOST_PAIRS = 20_000  # drawn from all pairs where there are more


class WistubaPedapati(Learned):
    """A pairwise ranking model: P(i ends above j) = 1 / (1 + exp(f(x_j) - f(x_i))), fitted to pairs of the same target.

    x holds the accuracies seen and their first and second differences, standardised over the history, and f is linear: a logistic
    regression on x_i - x_j without a constant. The prediction is the score f(x), which only orders, and only candidates that were seen at
    the same epochs: for other epochs another f is fitted, whose unit and origin are its own, so that nothing follows from two scores of
    which one was made after 5 epochs and one after 10. `ncap.compare` warns where it compares such candidates.

    What is simpler than in the source (Wistuba and Pedapati 2020, ICML, arXiv 2006.03361):

    1. f is linear in features of the curve; there it is a network of convolutions over the curve, with embeddings of architecture,
       hyperparameters and target.
    2. There the network also learns to reconstruct the rest of the curve; here only pairs are learned from.
    3. Of more than 20,000 pairs so many are drawn, once, with a fixed seed.

    >>> from ncap.rules.contract import Curve, Outcome
    >>> ends = [Outcome("other", Curve.of(f"c{i}", val_accuracy=[i / 20, i / 10]), {}, i / 10) for i in range(1, 10)]
    >>> fitted = WistubaPedapati().fit(ends, [("digits", "a"), ("digits", "b")])
    >>> low, high = (fitted.predict(Curve.of(val_accuracy=[0.2, last]), {}) for last in (0.3, 0.5))
    >>> low.value < high.value, high.is_accuracy
    (True, False)
    """

    name: ClassVar[str] = "wistuba_pedapati"
    summary: ClassVar[str] = "A pairwise ranking model over curves; its values only order."
    source: ClassVar[str] = "Wistuba and Pedapati 2020, arXiv 2006.03361"
    is_accuracy: ClassVar[bool] = False
    least: ClassVar[int] = 3

    def model(self, known: Beginnings) -> Model:
        """The fitted ranking; without a pair that ended apart, every candidate scores 0."""
        features = np.concatenate([differences(known.seen), known.facts], axis=1)
        centre, scale = features.mean(0), features.std(0)
        scale = np.where(scale < 1e-12, 1.0, scale)
        first, second = pairs(known.ends, known.targets)
        weights = np.zeros(features.shape[1])
        if len(first):
            weights = _logistic((features[first] - features[second]) / scale)

        def model(y: FloatArray, facts: FloatArray) -> tuple[FloatArray, FloatArray]:
            x = (np.concatenate([differences(y), facts], axis=1) - centre) / scale
            return x @ weights, np.full(len(y), np.nan)

        return model


def pairs(ends: FloatArray, targets: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (i, j) of the same target of which i ended above j, at most `MOST_PAIRS` of them.

    >>> [side.tolist() for side in pairs(np.array([0.5, 0.7, 0.7, 0.9]), ["a", "a", "a", "b"])]
    [[1, 2], [0, 0]]
    """
    same = np.unique(targets, return_inverse=True)[1]
    first, second = np.nonzero((ends[:, None] > ends[None]) & (same[:, None] == same[None]))
    if len(first) > MOST_PAIRS:
        kept = np.sort(np.random.default_rng(0).choice(len(first), MOST_PAIRS, replace=False))
        first, second = first[kept], second[kept]
    return first, second


def _logistic(apart: FloatArray) -> FloatArray:
    """The weights of a logistic regression in which every row should score above 0; every second one is turned round."""
    from sklearn.linear_model import LogisticRegression

    sign = np.where(np.arange(len(apart)) % 2, -1.0, 1.0)
    if len(apart) == 1:  # scikit-learn asks for both classes
        apart, sign = np.repeat(apart, 2, axis=0), np.array([1.0, -1.0])
    regression = LogisticRegression(fit_intercept=False, max_iter=1000).fit(apart * sign[:, None], sign > 0)
    weights: FloatArray = regression.coef_[0]
    return weights
