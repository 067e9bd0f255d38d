"""What a job counts as accuracy: its name, its words, its value from a confusion matrix, and what guessing gets. No framework is loaded.

The columns train_accuracy, val_accuracy and test_accuracy hold the metric of their job, which its facts name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ncap.arguments import one_of

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Metric:
    """A measure of predicted labels in 0..1, higher is better.

    Attributes:
        name: as a job names it.
        words: as axes and headings say it.
        about: what it is, in a clause.
        of: confusion matrix (C, C) of counts, rows true and columns predicted -> its value.
    """

    name: str
    words: str
    about: str
    of: Callable[["np.ndarray"], float]

    @property
    def heading(self) -> str:
        """The words as a sentence begins."""
        return self.words[0].upper() + self.words[1:]


def accuracy(counts: "np.ndarray") -> float:
    """The share of samples on the diagonal of a confusion matrix (C, C): sum_c n_cc / n.

    >>> import numpy as np
    >>> accuracy(np.array([[8, 2], [1, 1]]))
    0.75
    """
    return float(counts.trace() / counts.sum())


def balanced_accuracy(counts: "np.ndarray") -> float:
    """The mean recall of the classes that have samples, of a confusion matrix (C, C): mean_c n_cc / n_c.

    As scikit-learn's balanced_accuracy_score, where a class without samples does not count.

    >>> import numpy as np
    >>> balanced_accuracy(np.array([[8, 2], [1, 1]]))
    0.65
    """
    samples = counts.sum(axis=1)
    present = samples > 0
    return float((counts.diagonal()[present] / samples[present]).mean())


def macro_f1(counts: "np.ndarray") -> float:
    """The mean F1 of the classes that have samples or are predicted, of a confusion matrix (C, C): mean_c 2 n_cc / (n_c + m_c).

    n_c samples of class c, m_c predictions of it. As scikit-learn's f1_score with average="macro".

    >>> import numpy as np
    >>> round(macro_f1(np.array([[8, 2], [1, 1]])), 6)      # (16 / 19 + 2 / 5) / 2
    0.621053
    """
    both = counts.sum(axis=1) + counts.sum(axis=0)
    present = both > 0
    return float((2 * counts.diagonal()[present] / both[present]).mean())


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "accuracy", "the share of images whose class is right", accuracy),
        Metric(
            "balanced_accuracy", "balanced accuracy", "the mean over the classes of the share of their images whose class is right",
            balanced_accuracy,
        ),
        Metric("macro_f1", "macro F1", "the mean over the classes of F1, the harmonic mean of precision and recall", macro_f1),
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
