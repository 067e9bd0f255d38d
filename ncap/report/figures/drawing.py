"""What a figure of the report is made from, and what it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from ncap.report.series import Series
from ncap.report.truth import Truth


@dataclass(frozen=True, eq=False)
class Content:
    """What figures draw: the candidates, best first, in their colours, and what came true, None where that is not known."""

    series: Sequence[Series]
    colours: dict[str, str]
    truth: Truth | None = None


@dataclass(frozen=True)
class Drawing:
    """A figure of the page.

    Attributes:
        name: stem of its file.
        heading: of its section; "" for a figure in the section on what came true.
        caption: what is seen, and how to read it.
        draw: makes it; None where there is nothing to draw. It fits nothing: a prediction carries its fit.
    """

    name: str
    heading: str
    caption: str
    draw: Callable[[Content], Figure | None]
