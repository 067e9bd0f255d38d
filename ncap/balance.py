"""The balance of a target's classes: the shares of its rarest and its most frequent one. Labels in, or the facts of a job."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    import numpy as np

IMBALANCED = 1.5  # how many times as many images the most frequent class may have as the rarest, before that is said
_RAREST, _MOST_FREQUENT = "rarest_class_in_training", "most_frequent_class_in_training"  # the names of the facts


class Balance(NamedTuple):
    """The shares of the images that the rarest and the most frequent class have, in 0..1, and their labels; -1 where they are not known.

    >>> import numpy as np
    >>> print(Balance.of_labels(np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 2])))
    the classes are imbalanced: of the training images, the rarest class has 0.100 and the most frequent 0.600, 6.0 times as many
    """

    rarest: float
    most_frequent: float
    rarest_label: int = -1
    most_frequent_label: int = -1

    @classmethod
    def of_labels(cls, labels: "np.ndarray") -> Self:
        """From labels (n,), of the classes that occur in them."""
        import numpy as np

        present, counts = np.unique(labels, return_counts=True)
        low, high = int(counts.argmin()), int(counts.argmax())
        shares = counts / counts.sum()
        return cls(float(shares[low]), float(shares[high]), int(present[low]), int(present[high]))

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> Self | None:
        """From the facts of a job; None where they do not tell, as in a store of an earlier version."""
        try:
            balance = cls(float(facts[_RAREST]), float(facts[_MOST_FREQUENT]))
        except (KeyError, TypeError, ValueError):
            return None
        return balance if 0 < balance.rarest <= balance.most_frequent <= 1 else None

    @property
    def facts(self) -> dict[str, float]:
        """The two shares as facts of a job."""
        return {_RAREST: self.rarest, _MOST_FREQUENT: self.most_frequent}

    @property
    def ratio(self) -> float:
        """How many times as many images the most frequent class has as the rarest."""
        return self.most_frequent / self.rarest

    @property
    def is_even(self) -> bool:
        """Whether there is nothing to say: the ratio is at most 1.5."""
        return self.ratio <= IMBALANCED

    def __str__(self) -> str:
        """In words."""
        if self.is_even:
            return f"the classes are balanced: the most frequent has {self.ratio:.2f} times as many training images as the rarest"
        return (
            f"the classes are imbalanced: of the training images, the rarest class has {self.rarest:.3f} and the most frequent "
            f"{self.most_frequent:.3f}, {self.ratio:.1f} times as many"
        )
