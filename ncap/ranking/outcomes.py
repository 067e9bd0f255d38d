"""How candidates ended, read from records: what rules that learn are fitted to, and a truth where nothing was held back."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ncap.ranking.curves import Seen, by_candidate, checked_reading, unequal_ends
from ncap.records.schema import TRUTH
from ncap.records.tables import Records
from ncap.rules.contract import Curve, Outcome

if TYPE_CHECKING:
    import pandas as pd

LAST_EPOCHS = 3.0  # a mean over them: the noise of one epoch names no winner


def final_accuracy(curve: Curve) -> float:
    """The validation accuracy that a curve ends with: the mean over the ticks of its last three epochs; NaN without any.

    >>> final_accuracy(Curve.of(val_accuracy=[0.2, 0.5, 0.75, 1.0]))
    0.75
    """
    seen = curve.having("val_accuracy", "epoch")
    if not len(seen):
        return float("nan")
    return float(seen.val_accuracy[seen.epoch > seen.epoch[-1] - LAST_EPOCHS].mean())


def outcomes(records: Records, reading: str | None = None) -> list[Outcome]:
    """The outcome of every candidate of a job that did not fail and has a validation accuracy; no test accuracy is read.

    A curve counts as ended where its records end. Warns where they end after different numbers of epochs: what goes on may end higher.

    >>> import pandas as pd
    >>> from ncap.records.loading import load
    >>> seen = pd.DataFrame({"settings": "s", "target": "digits", "candidate": "a", "run": 0, "tick": [1, 2, 3], "epoch": [1, 2, 3],
    ...                      "val_accuracy": [0.25, 0.5, 0.75]})
    >>> [(one.pair, one.accuracy) for one in outcomes(load({"observations": seen}))]
    [(('digits', 'a'), 0.5)]
    """
    return outcomes_of(by_candidate(records, checked_reading(records, reading)))


def outcomes_of(seen: Sequence[Seen]) -> list[Outcome]:
    """The same from what is known of every candidate."""
    if unequal := unequal_ends(seen):
        warnings.warn(
            f"the curves of {seen[0].target!r:.80} count as ended where their records end, {unequal}: these accuracies do not compare; "
            "train all to the same epoch, or leave out those that are unfinished",
            stacklevel=3,
        )
    ended = ((one, final_accuracy(one.curve)) for one in seen if not one.failed)
    return [Outcome(one.target, one.curve, one.scores, end) for one, end in ended if np.isfinite(end)]


def validation_truth(records: Records) -> "pd.DataFrame":
    """The table truth from the validation accuracies that the curves end with: for curves of others, which hold nothing back."""
    import pandas as pd

    rows = [[*outcome.pair, outcome.accuracy] for outcome in outcomes(records)]
    return pd.DataFrame(rows, columns=list(TRUTH.names)).astype(TRUTH.types)
