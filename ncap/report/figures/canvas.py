"""What the figures share: style, colours, labels, the grid of panels, PNG bytes."""

import io
import math
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal

import matplotlib.style
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

PIXELS_PER_INCH = 160
INK, FAINT, PALE, GRID, PAPER, ALARM = "#222222", "#9a9a9a", "#bdbdbd", "#e4e4e4", "#ffffff", "#c1272d"

# Okabe and Ito's colours without yellow and black, and two dark ones of Paul Tol: told apart in every common colour blindness.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#332288", "#882255")

COMMON = "common"  # what is drawn in one panel of those that stand alone, and shown in all

Entry = tuple[str, dict[str, Any]]  # of a legend: its text, and the properties of its line

_STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib: the same figure on every machine
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.solid_capstyle": "round",
    "figure.labelsize": 9.5,
    "figure.titlesize": 10,
    "savefig.facecolor": "white",
}


def style() -> AbstractContextManager[None]:
    """The style of every figure, whatever the reader's matplotlibrc says; left as it was afterwards."""
    return matplotlib.style.context(["default", _STYLE])


def colours(candidates: Sequence[str]) -> dict[str, str]:
    """One colour per candidate, the same in every figure; they repeat after eight, so a figure never tells by colour alone."""
    return {candidate: COLOURS[i % len(COLOURS)] for i, candidate in enumerate(candidates)}


def label(name: object, width: int) -> str:
    """A candidate's name on one line of at most `width` characters, shortened in the middle, where names differ least.

    >>> label("resnet", 17), label("mobilenet_v2_100_pretrained_a", 17)
    ('resnet', 'mobilene…rained_a')
    """
    text = _drawable(" ".join(str(name).split()))
    if len(text) <= width:
        return text
    keep = width - 1
    return f"{text[: keep - keep // 2]}…{text[len(text) - keep // 2 :]}"


def _drawable(text: str) -> str:
    """A text without what no font draws and no SVG holds, such as control characters.

    >>> _drawable("bell\\x07")
    'bell�'
    """
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def sheet(width: float, height: float) -> Figure:
    """An empty figure, in inches, that keeps its labels apart."""
    return Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06))


def panels(
    count: int, height: float = 1.9, share_x: bool = True, share_y: bool = True, apart: bool = False
) -> tuple[Figure, list[Axes]]:
    """A figure of `count` small panels in reading order, `height` inches each, on one sheet or each on its own."""
    if apart:
        return stacked(count, 2.3, 0.75 * height, share_x, share_y)
    columns = count if count <= 4 else min(5, math.ceil(count / 2))
    rows = math.ceil(count / columns)
    width = {1: 5.6, 2: 8.0}.get(columns, 10.5)
    panel_height = {1: 1.6, 2: 1.3}.get(columns, 1.0) * height
    figure = sheet(width, rows * panel_height + 0.9)
    axes = list(figure.subplots(rows, columns, sharex=share_x, sharey=share_y, squeeze=False).flat)
    for unused in axes[count:]:
        unused.remove()
    for above_a_gap in axes[max(0, count - columns) : count]:
        above_a_gap.xaxis.set_tick_params(labelbottom=True)
    return figure, axes[:count]


def stacked(
    count: int, width: float, height: float, share_x: bool = False, share_y: bool = False
) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels one below the other, whose axes are `width` by `height` inches, with room for labels around each.

    The page cuts it up. Panels have fixed places: they are as large as each other without a layout, which takes most of the time to draw.
    """
    row = height + 1.4
    figure = Figure(figsize=(width + 5.0, count * row + 3.0))
    axes: list[Axes] = []
    for place in range(count):
        bottom = ((count - place - 1) * row + 0.7) / figure.get_figheight()
        box = (2.5 / figure.get_figwidth(), bottom, width / figure.get_figwidth(), height / figure.get_figheight())
        first = axes[0] if axes else None
        axes.append(figure.add_axes(box, sharex=first if share_x else None, sharey=first if share_y else None))
    return figure, axes


def pair(
    height: float, width_ratios: tuple[float, float], share_y: bool = False, apart: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """A figure of two panels, side by side on one sheet `height` inches high, or each on its own, with axes `apart` inches wide."""
    if apart:
        return stacked(2, apart, height - 1.0, share_y=share_y)
    figure = sheet(10.5, height)
    return figure, list(figure.subplots(1, 2, sharey=share_y, width_ratios=width_ratios))


def describe(axes: Axes, words: str) -> None:
    """Say in words what a panel shows: its alternative text."""
    axes.set_label(words)


def heading(axes: Axes, rank: float, name: object) -> None:
    """Rank and name over a panel, as long as the panel is wide; a name with dollar signs is no formula."""
    axes.set_gid(str(name))  # the page, which has room for the whole name, puts it there in place of the title
    number = "" if math.isnan(rank) else f"{rank:.0f}  "
    gridspec = axes.get_gridspec()
    room = 84 // (gridspec.ncols if gridspec else 1)
    axes.set_title(number + label(name, room), fontweight="bold", parse_math=False)


def remark(axes: Axes, text: str, va: Literal["top", "bottom"]) -> None:
    """A warning inside a panel, in its upper or lower right corner: the one where curves seldom pass."""
    height = 0.97 if va == "top" else 0.04
    axes.text(0.98, height, text, transform=axes.transAxes, ha="right", va=va, fontsize=8, color=ALARM, zorder=9)


def on_colour(colour: str) -> str:
    """Black or white, whichever is read better on a colour (relative luminance as in WCAG 2)."""
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    luminance = 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]
    return "white" if luminance < 0.3 else "black"


def epoch_axis(axes: Sequence[Axes], epochs: "Sequence[pd.Series[float]]") -> None:
    """The epochs of all panels, whole numbers marked, with a little air before the first and after the last."""
    first, last = min(values.min() for values in epochs), max(values.max() for values in epochs)
    air = 0.04 * (last - first)
    for ax in axes:
        ax.set_xlim(0.5 if first >= 1 else first - air, 1.02 * last + 0.5 if first >= 1 else last + air)
        ax.xaxis.set_major_locator(MaxNLocator(5, steps=(1, 2, 5, 10), integer=last > 2, min_n_ticks=1))


def legend(figure: Figure, entries: Sequence[Entry], title: str | None = None) -> None:
    """One legend for all panels, above them, from pairs of a text and the properties of its line."""
    handles = [Line2D([], [], **{"color": INK, **properties}) for _, properties in entries]
    columns = len(entries) if figure.get_figwidth() > 9 else 2
    if figure.get_layout_engine() is None:  # of panels that stand alone, on a screen that may be narrow
        words = [_drawable(text) for text, _ in entries]
        columns = 2 if max(map(len, words)) < 30 else 1
        figure.legend(handles, words, loc="upper left", ncols=columns, handlelength=2.4)
        return
    figure.legend(
        handles, [_drawable(text) for text, _ in entries], loc="outside upper left", ncols=columns, handlelength=2.4,
        title=title, title_fontproperties={"weight": "bold", "size": 10}, alignment="left",
    )  # fmt: skip


def short_numbers(axis: Axis) -> None:
    """Tick labels without trailing zeros."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def logarithmic(axis: Axis, low: float, high: float) -> None:
    """Ticks of a logarithmic axis: at 1, 2, 5 where the values span little more than two decades at most, else at powers of ten."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 300 else (1.0,)))
    axis.set_minor_locator(NullLocator())
    short_numbers(axis)


def png(figure: Figure) -> bytes:
    """The figure as PNG, without the software version in it: equal figures are equal bytes."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a box stands in; the page has the name
        figure.savefig(buffer, format="png", dpi=PIXELS_PER_INCH, metadata={"Software": None})
    return buffer.getvalue()
