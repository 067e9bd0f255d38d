"""What a tick of training and a reading of beta_eff cost."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ncap.published import PAPER_RATIO
from ncap.ranking.curves import after_the_first
from ncap.report.figures import canvas
from ncap.report.figures.drawing import Content, Drawing


def draw(content: Content) -> Figure | None:
    """Left: median seconds of both per candidate. Right: their ratio, beside the paper's."""
    times = {s.candidate: seconds(s.rows) for s in content.series if len(s.rows)}
    times = {candidate: pair for candidate, pair in times.items() if np.isfinite(pair).all() and pair[0] > 0}
    if not times:
        return None
    figure, (bars, ratios) = canvas.pair(0.34 * len(times) + 1.7, (1.25, 1), share_y=True, apart=2.4 * content.apart)
    draw_seconds(bars, times, content.colours, 18 if content.apart else 28)
    per = unit([s.rows for s in content.series])
    bars.set_xlabel(f"seconds per {per} (median)")
    draw_ratios(ratios, times, content.colours)
    ratios.tick_params(axis="y", length=0, labelleft=content.apart)
    train, beta = (dict(zip(times, column, strict=True)) for column in zip(*times.values(), strict=True))
    canvas.describe(bars, f"Seconds per {per}: training {_range(train)}; reading beta_eff {_range(beta)}.")
    ratio = {name: beta[name] / train[name] for name in times}
    canvas.describe(ratios, f"T_beta / T_train: {_range(ratio)}; the paper's is {PAPER_RATIO}.")
    return figure


def seconds(rows: pd.DataFrame) -> tuple[float, float]:
    """Median seconds per tick of training and of beta_eff.

    The first tick of a run contains compilation and is left out, unless the run has no other.
    """
    kept = after_the_first(rows)
    return float(kept["seconds_train"].median()), float(kept["seconds_beta"].median())


def unit(tables: Sequence[pd.DataFrame]) -> str:
    """What one tick is: an epoch, where every tick is the end of the epoch of its number.

    >>> unit([pd.DataFrame({"tick": [1, 2], "epoch": [1.0, 2.0]})]), unit([pd.DataFrame({"tick": [1, 2], "epoch": [0.5, 1.0]})])
    ('epoch', 'tick')
    """
    return "epoch" if all((rows["tick"] == rows["epoch"]).all() for rows in tables) else "tick"


def _range(values: dict[str, float]) -> str:
    """The least and the largest of some numbers, with whose they are.

    >>> _range({"a": 0.5, "b": 2.0}), _range({"a": 0.5})
    ('0.5 (a) to 2 (b)', '0.5')
    """
    least, most = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
    return f"{values[least]:.2g}" if least == most else f"{values[least]:.2g} ({least}) to {values[most]:.2g} ({most})"


def draw_seconds(ax: Axes, times: dict[str, tuple[float, float]], colours: dict[str, str], room: int = 28) -> None:
    """A full bar per candidate for its training, and a hatched one for its reading; times: candidate -> seconds of both."""
    for place, (candidate, (train, beta)) in enumerate(times.items()):
        ax.barh(place - 0.19, train, 0.36, color=colours[candidate])
        ax.barh(place + 0.19, beta, 0.36, color="white", edgecolor=colours[candidate], hatch="////", linewidth=0.9)
    names = [canvas.label(candidate, room) for candidate in times]
    ax.set_yticks(range(len(names)), names, parse_math=False)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")
    ax.barh([0], [0], color=canvas.INK, label="training")
    ax.barh([0], [0], color="white", edgecolor=canvas.INK, hatch="////", label="reading beta_eff")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)


def draw_ratios(
    ax: Axes,
    times: dict[str, tuple[float, float]],
    colours: dict[str, str],
    each: Mapping[str, Sequence[float]] | None = None,
) -> None:
    """The ratio of reading to training per candidate, and the paper's; each: ratios that one is the mean of, drawn small."""
    ratios, each = {candidate: beta / train for candidate, (train, beta) in times.items()}, each or {}
    every = [*ratios.values(), *(ratio for several in each.values() for ratio in several), PAPER_RATIO]
    logarithmic = min(every) > 0
    for place, (candidate, ratio) in enumerate(ratios.items()):
        small = each.get(candidate, ())
        ax.plot(small, [place] * len(small), "o", color=colours[candidate], markersize=3, alpha=0.5)
        ax.plot(ratio, place, "o", color=colours[candidate], markersize=7)
        ax.annotate(f"{ratio:.2g}", (ratio, place), xytext=(7, 0), textcoords="offset points", va="center", fontsize=8)
    ax.axvline(PAPER_RATIO, color=canvas.INK, linewidth=1.0, linestyle="--")
    ax.annotate(
        f"paper: {PAPER_RATIO} on four V100", (PAPER_RATIO, 1), xycoords=("data", "axes fraction"), xytext=(0, 4),
        textcoords="offset points", ha="center", fontsize=8,
    )  # fmt: skip
    if logarithmic:
        ax.set_xscale("log")
        low, high = min(every) / 1.8, max(every) * 2.2
        ax.set_xlim(low, high)
        canvas.logarithmic(ax.xaxis, low, high)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("T_beta / T_train" + (" (log scale)" if logarithmic else ""))


DRAWING = Drawing(
    "cost",
    "Cost",
    "Median training time between two observations, median time of one reading of beta_eff, and their ratio. The first observation of a "
    "run includes compilation and is left out where the run has others. The paper measured its ratio on four V100 GPUs.",
    draw,
)
