"""The size of a network as a score: larger networks tend to end better, and the dearer scores must be better than that."""

import math

from ncap.scores.contract import Score
from ncap.scores.static.known import Known


def parameters(known: Known) -> float:
    """Number of weights of the body; NaN where it is not known.

    >>> parameters(Known(parameters=51488))
    51488.0
    """
    return math.nan if known.parameters is None else float(known.parameters)


def multiply_adds(known: Known) -> float:
    """Multiply-adds of one image through the body; NaN where they are not known.

    >>> multiply_adds(Known())
    nan
    """
    return math.nan if known.multiply_adds is None else float(known.multiply_adds)


PARAMETERS = Score(
    name="parameters",
    needs="known",
    source="as a score White et al., ICLR blog track 2022",
    summary="number of weights of the body",
    function=parameters,
    undefined=lambda known: "the number of parameters is not known" if known.parameters is None else "",
    cost="none",
)
MULTIPLY_ADDS = Score(
    name="multiply_adds",
    needs="known",
    source="as a score White et al., ICLR blog track 2022",
    summary="multiply-adds of one image through the body",
    function=multiply_adds,
    undefined=lambda known: "the number of multiply-adds is not known" if known.multiply_adds is None else "",
    cost="none",
)
