"""What makes a prediction worth little though nothing failed: doubts, in words for the note of a candidate.

They change no status and no order. What they look at, a rule may not: several of them compare beta_eff with accuracies, or with what
guessing gets on the target.
"""

from collections.abc import Mapping
from math import isfinite, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from ncap.balance import Balance
from ncap.metrics import METRICS, Metric, of_facts
from ncap.rules.contract import Curve, Prediction

if TYPE_CHECKING:
    import pandas as pd

# Readings of networks whose inputs are normalised stay far below; ImageNet networks on raw pixels give thousands.
HUGE = 100.0
# Where every interaction is 0 because no error is left, the training images are right but for a few that dropout spoils.
CONVERGED = 0.9


class Chance(NamedTuple):
    """What guessing gets on the validation images.

    Of accuracy, the share of their most frequent class, which is at least 1 / classes. Of balanced accuracy, 1 / C for C classes: a guess
    that does not look at the image has recalls that add up to 1. Of macro F1, at most 1 / C: F1 is the harmonic mean of precision and
    recall, at most their mean, and a guess has as precisions the shares of the classes.

    >>> round(Chance.of({"classes": 5, "most_frequent_class": 0.25, "validation_images": 100}).level, 4)
    0.3366
    >>> print(Chance.of({"classes": 5, "most_frequent_class": 0.25, "validation_images": 100, "metric": "macro_f1"}))
    guessing has a macro F1 of at most 0.200 on 5 classes
    """

    classes: int
    most_frequent: float
    images: float
    metric: Metric = METRICS["accuracy"]

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self | None:
        """From the facts of a job; None where they do not tell, as with tables that were put together by hand."""
        try:
            classes, share, images = (
                float(facts[name]) for name in ("classes", "most_frequent_class", "validation_images")
            )
        except (KeyError, TypeError, ValueError):
            return None
        metric, balance = of_facts(facts), Balance.of_facts(facts)
        if metric.name != "accuracy" and balance is not None:
            images *= min(
                1.0, classes * balance.rarest
            )  # as if every class had as few images as the rarest: the widest deviation
        chance = cls(int(classes), share, images, metric)
        return chance if chance.classes > 0 and chance.images > 0 and 0 < chance.most_frequent <= 1 else None

    @property
    def share(self) -> float:
        """The value of the metric that guessing has, in the mean over many images."""
        return self.most_frequent if self.metric.name == "accuracy" else 1 / self.classes

    @property
    def level(self) -> float:
        """The value up to which guessing explains it: the share and two of its standard deviations over the images."""
        return self.share + 2 * sqrt(self.share * (1 - self.share) / self.images)

    def __str__(self) -> str:
        """In words."""
        if self.metric.name != "accuracy":
            most = "at most " if self.metric.name == "macro_f1" else ""
            return f"guessing has a {self.metric.words} of {most}{self.share:.3f} on {self.classes} classes"
        return f"guessing the most frequent of {self.classes} classes is right for {self.share:.3f} of the validation images"


def doubts(curve: Curve, prediction: Prediction, rows: "pd.DataFrame", chance: Chance | None, reads_beta: bool) -> str:
    """What must be known of a prediction that did not fail, besides the rule's own note; "" where nothing is.

    curve: what the rule read; rows: its observations joined with the reading; reads_beta: whether the rule reads beta_eff.
    """
    seen = curve.val_accuracy[np.isfinite(curve.val_accuracy)]
    found = []
    if len(seen) and chance is not None and seen.max() <= chance.level:
        found.append(f"no {chance.metric.words} above chance: {chance}")
    if len(seen) and prediction.is_accuracy and prediction.status == "ok" and prediction.order < seen.min():
        found.append(f"below every accuracy seen ({seen.min():.3f} to {seen.max():.3f})")
    if apart := _of_epochs(rows):
        found.append(apart)
    if reads_beta:
        found += _of_readings(rows)
    return "; ".join(found)


def _of_epochs(rows: "pd.DataFrame") -> str:
    """The first tick at which the runs, whose mean is read, had been trained for different numbers of epochs; "" where there is none."""
    epochs = rows.groupby("tick")["epoch"]
    least, most = epochs.min(), epochs.max()
    apart = least.index[most > least]
    if not len(apart):
        return ""
    tick = apart[0]
    return f"the mean over runs that do not compare: tick {tick} is epoch {least[tick]:g} of one and {most[tick]:g} of another"


def _of_readings(rows: "pd.DataFrame") -> list[str]:
    found, beta = [], np.abs(rows["beta_eff"].to_numpy(dtype=np.float64))
    if dead := int(is_dead(rows).sum()):
        found.append(
            f"{dead} of {len(rows)} readings left out: 0 at a low accuracy, so no path is active and nothing has converged"
        )
    unread = int((~np.isfinite(beta) & (rows["reason"] == "").to_numpy()).sum())
    if 0 < unread < len(rows):
        found.append(f"{unread} of {len(rows)} ticks without a beta_eff")
    largest = float(np.max(beta[np.isfinite(beta)], initial=0.0))
    if isfinite(largest) and largest > HUGE:
        found.append(f"beta_eff up to {largest:.2g}: does the network normalise its inputs?")
    return found


def is_dead(rows: "pd.DataFrame") -> "pd.Series[bool]":
    """Which rows are of a network whose features have died: every interaction is 0, and not because no error is left.

    An error that is 0 on every sample of the reading leaves the training images right; where their accuracy was not recorded, a validation
    accuracy below one half tells.

    >>> import pandas as pd
    >>> rows = pd.DataFrame({"reason": ["zero", "zero", ""], "train_accuracy": [0.1, 1.0, 0.1], "val_accuracy": [0.09, 0.6, 0.09]})
    >>> is_dead(rows).tolist()
    [True, False, False]
    """
    low = (rows["train_accuracy"] < CONVERGED).where(rows["train_accuracy"].notna(), rows["val_accuracy"] < 0.5)
    return (rows["reason"] == "zero") & low
