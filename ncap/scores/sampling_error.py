"""How far a score of a sample may lie from that of another sample."""

import math
from typing import Any

import numpy as np

from ncap.scores.contract import Score

GROUPS = 5


def sampling_error(score: Score, *inputs: Any) -> float:
    """The standard error of a score over samples of this size, by the jackknife that leaves out a fifth of the sample at a time.

    With v_g the score without group g, sqrt((G - 1) / G sum_g (v_g - mean)^2), G = 5: of four degrees of freedom, and so itself known to
    a third only. Every group has its share of each class. It is the error of drawing the sample, not that of a score for an accuracy; the
    scores of two candidates on one sample err together, so that their difference is known better. NaN for a score of no sample, and where
    it is not defined without one of the groups.

    inputs: what the score is called with: outputs (n, ...) and labels (n,).

    >>> from ncap.scores import SCORES
    >>> y = np.arange(100) % 2
    >>> sampling_error(SCORES.get("nce"), y, y)
    0.0
    """
    if score.needs in ("model", "network", "known"):
        return math.nan
    outputs, y = (np.asarray(each) for each in inputs)
    group = np.empty(len(y), int)
    # It goes on from one class to the next, so that the groups are of one size, however small the classes are.
    group[np.argsort(y, kind="stable")] = np.arange(len(y)) % GROUPS
    values = [score.value(outputs[group != g], y[group != g]).value for g in range(GROUPS) if (group != g).any()]
    return float(np.sqrt((GROUPS - 1) * np.var(values))) if len(values) == GROUPS else math.nan
