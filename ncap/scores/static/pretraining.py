"""How well a network did at what it was trained on."""

import math

from ncap.scores.contract import Score
from ncap.scores.static.known import Known


def source_accuracy(known: Known) -> float:
    """Accuracy on the test images of the data set that the network was trained on, in 0..1; NaN where it is not known.

    Accuracies on different data sets are not comparable: it orders candidates of one source only.

    >>> source_accuracy(Known(source_accuracy=0.71))
    0.71
    """
    return math.nan if known.source_accuracy is None else float(known.source_accuracy)


SCORE = Score(
    name="source_accuracy",
    needs="known",
    source="Kornblith et al., CVPR 2019",
    summary="accuracy on the data set that the network was trained on",
    function=source_accuracy,
    undefined=lambda known: "the accuracy at the source is not known" if known.source_accuracy is None else "",
    cost="none",
)
