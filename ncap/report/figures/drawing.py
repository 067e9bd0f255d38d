"""What a figure of the report is made from, and what it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from ncap.metrics import METRICS, Metric
from ncap.report.series import Series
from ncap.report.truth import Truth


@dataclass(frozen=True, eq=False)
class Content:
    """What figures draw.

    Attributes:
        series: the candidates, best first.
        colours: candidate -> its colour.
        truth: what came true; None where that is not known.
        metric: the job's metric.
        apart: whether every panel stands alone, as on the page, where there are as many side by side as the screen is wide; otherwise they
            share one sheet, as in the PNG files.
    """

    series: Sequence[Series]
    colours: dict[str, str]
    truth: Truth | None = None
    metric: Metric = METRICS["accuracy"]
    apart: bool = False


@dataclass(frozen=True)
class Drawing:
    """A figure of the page.

    Attributes:
        name: stem of its file.
        heading: of its section; "" for a figure in the section on what came true.
        caption: what is seen, and how to read it. In both, {metric} stands for the words of the job's metric, {Metric} at the beginning
            of a sentence.
        draw: makes it; None where there is nothing to draw. It fits nothing: a prediction carries its fit. Every panel is described in
            words by `canvas.describe`, for readers who do not see it.
    """

    name: str
    heading: str
    caption: str
    draw: Callable[[Content], Figure | None]

    def said(self, text: str, metric: Metric) -> str:
        """The heading or the caption with the words of a metric in it."""
        return text.replace("{metric}", metric.words).replace("{Metric}", metric.heading)
