"""How a network fared on other targets: the same order everywhere, which scores that look at the target must be better than."""

import math

from ncap.scores.contract import Score
from ncap.scores.static.known import Known


def mean_rank(known: Known) -> float:
    """Mean place of the candidate among those tried on other targets: 1 always the best, 0 always the last; NaN without such.

    The sign is turned: a mean rank of 1 would be the best, and the more the worse.

    >>> mean_rank(Known(places=(1.0, 0.5)))
    0.75
    """
    return sum(known.places) / len(known.places) if known.places else math.nan


SCORE = Score(
    name="mean_rank",
    needs="known",
    source="static ranking, arXiv 2510.06448",
    summary="mean place on other targets, 1 for the best and 0 for the last (sign turned)",
    function=mean_rank,
    undefined=lambda known: "" if known.places else "no accuracies of it on other targets are given (history)",
    cost="none",
)
