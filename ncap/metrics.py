"""What a job counts as accuracy: its name, its words, its value from a confusion matrix, and what guessing gets. No framework is loaded.

The columns train_accuracy, val_accuracy and test_accuracy hold the metric of their job, which its facts name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ncap.arguments import one_of

if TYPE_CHECKING:
    import numpy as np


Ratios = tuple[Any, Any]  # numerators and denominators (C,), arrays or tensors


@dataclass(frozen=True)
class Metric:
    """A measure of predicted labels in 0..1, higher is better: a ratio of sums over the classes, or the mean of a ratio of each.

    Attributes:
        name: as a job names it.
        words: as axes and headings say it.
        about: what it is, in a clause.
        ratios: (right, samples, predicted), counts (C,) of each class, -> numerators and denominators (C,).
        pooled: whether they are summed over the classes and then divided; otherwise the mean is taken where the denominator is not 0.
    """

    name: str
    words: str
    about: str
    ratios: Callable[[Any, Any, Any], Ratios]
    pooled: bool = False

    @property
    def heading(self) -> str:
        """The words as a sentence begins."""
        return self.words[0].upper() + self.words[1:]

    def of(self, counts: "np.ndarray") -> float:
        """The value of a confusion matrix (C, C) of counts, rows true and columns predicted.

        >>> import numpy as np
        >>> counts = np.array([[8, 2], [1, 1]])
        >>> METRICS["accuracy"].of(counts), METRICS["balanced_accuracy"].of(counts)      # 9 / 12, (8 / 10 + 1 / 2) / 2
        (0.75, 0.65)
        >>> round(METRICS["macro_f1"].of(counts), 6)      # (16 / 19 + 2 / 5) / 2
        0.621053
        """
        above, below = self.ratios(counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0))
        if self.pooled:
            return float(above.sum() / below.sum())
        present = below > 0
        return float((above[present] / below[present]).mean())


def _recall(right: Any, samples: Any, predicted: Any) -> Ratios:
    """n_cc / n_c."""
    return right, samples


def _f1(right: Any, samples: Any, predicted: Any) -> Ratios:
    """2 n_cc / (n_c + m_c), of n_c samples of class c and m_c predictions of it."""
    return 2 * right, samples + predicted


# As scikit-learn's accuracy_score, balanced_accuracy_score and f1_score(average="macro"): a class without samples does not count, for F1
# only where it is never predicted either.
METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "accuracy", "the share of images whose class is right", _recall, pooled=True),
        Metric(
            "balanced_accuracy", "balanced accuracy", "the mean over the classes of the share of their images whose class is right",
            _recall,
        ),
        Metric("macro_f1", "macro F1", "the mean over the classes of F1, the harmonic mean of precision and recall", _f1),
    )
}  # fmt: skip


def checked(name: str, value: Any) -> str:
    """The name of a metric. Raises ValueError for any other, with the nearest one."""
    return one_of(name, value, list(METRICS))


def of_facts(facts: Mapping[str, Any]) -> Metric:
    """The metric of a job, from its facts; accuracy where they name none.

    >>> of_facts({"metric": "macro_f1"}).words, of_facts({}).words
    ('macro F1', 'accuracy')
    """
    return METRICS.get(str(facts.get("metric")), METRICS["accuracy"])


def confusion(y: "np.ndarray", predicted: "np.ndarray", classes: int) -> "np.ndarray":
    """The confusion matrix (C, C) of labels y (n,) and predicted labels (n,): rows true, columns predicted, counts int64.

    >>> import numpy as np
    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    import numpy as np

    return np.bincount(y * classes + predicted, minlength=classes**2).reshape(classes, classes)
