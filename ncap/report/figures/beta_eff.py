"""beta_eff over the epochs with its standard error, one panel per candidate."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ncap.report import numbers
from ncap.report.figures import canvas
from ncap.report.figures.drawing import Content, Drawing
from ncap.report.series import Series, readable


def draw(content: Content) -> Figure | None:
    """One logarithmic axis for all panels if every readable beta_eff is positive, else a linear one per panel."""
    shown = [s for s in content.series if len(s.rows) and s.rows["seconds_beta"].notna().any()]
    if not shown:
        return None
    values = np.concatenate([s.rows["beta_eff"].to_numpy()[readable(s.rows)] for s in shown])
    logarithmic = len(values) > 0 and bool((values > 0).all())
    figure, axes = canvas.panels(len(shown), share_y=logarithmic, apart=content.apart)
    for ax, one in zip(axes, shown, strict=True):
        _panel(ax, one, content.colours[one.candidate])
    canvas.epoch_axis(axes, [s.rows["epoch"] for s in shown])
    if logarithmic:
        low, high = values.min() / 1.8, values.max() * 1.5
        for ax in axes:
            ax.set_yscale("log")
            ax.set_ylim(low, high)
            canvas.logarithmic(ax.yaxis, low, high)
    figure.supxlabel("epoch")
    figure.supylabel("beta_eff (log scale)" if logarithmic else "beta_eff (own scale per panel)")
    entries: list[canvas.Entry] = [("read, ± standard error", {"marker": "o", "markersize": 4, "linewidth": 1.6})]
    if any(len(s.afterwards) for s in shown):
        entries.append(("afterwards, not read", {"linestyle": "--", "alpha": 0.5, "linewidth": 1.4}))
    if not all(readable(s.rows).all() for s in shown):
        cross = {"marker": "x", "linestyle": "", "color": canvas.ALARM, "markeredgewidth": 1.5}
        entries.append(("degenerate or NaN: no value", cross))
    canvas.legend(figure, entries)
    return figure


def _panel(ax: Axes, one: Series, colour: str) -> None:
    canvas.heading(ax, one.summary["rank"], one.candidate)
    canvas.describe(ax, _words(one))
    runs = one.runs()
    for run in runs:
        good = run[readable(run)]
        _readings(ax, good[good["tick"].isin(one.ticks)], colour, linewidth=1.6 if len(runs) == 1 else 0.7)
        after = one.from_the_last_read(good)
        ax.plot(after["epoch"], after["beta_eff"], color=colour, linewidth=1.0, linestyle="--", alpha=0.5, zorder=2)
        bad = run.loc[~readable(run), "epoch"]
        at_the_bottom = np.full(len(bad), 0.05)
        ax.plot(
            bad,
            at_the_bottom,
            "x",
            color=canvas.ALARM,
            markeredgewidth=1.5,
            markersize=5,
            transform=ax.get_xaxis_transform(),
        )
    if len(one.afterwards) and one.ticks:
        ax.axvline(one.last_read, color=canvas.FAINT, linewidth=0.8, zorder=1)
    if not readable(one.rows).any():
        ax.text(0.5, 0.5, "no readable beta_eff", transform=ax.transAxes, ha="center", fontsize=8, color=canvas.ALARM)


def _words(one: Series) -> str:
    values = one.mean("beta_eff", one.rows[readable(one.rows)])
    crossed = int((~readable(one.rows)).sum())
    without = f"{crossed} of {len(one.rows)} readings have no value" if crossed else ""
    if values.empty:
        return f"beta_eff of {one.candidate}: {without}."
    (first, start), (last, end) = values.iloc[0], values.iloc[-1]
    course = f"{numbers.beta(start)} at epoch {first:g}" + (
        f", {numbers.beta(end)} at epoch {last:g}" if last > first else ""
    )
    return f"beta_eff of {one.candidate}: {'; '.join(filter(None, [course, without]))}."


def _readings(ax: Axes, rows: pd.DataFrame, colour: str, linewidth: float) -> None:
    error = rows["beta_eff_error"].fillna(0.0).clip(lower=0.0)
    ax.errorbar(
        rows["epoch"], rows["beta_eff"], yerror(rows["beta_eff"], error), color=colour, linewidth=linewidth,
        marker="o", markersize=3, elinewidth=1.2, capsize=0, zorder=3,
    )  # fmt: skip


def yerror(beta: pd.Series, error: pd.Series) -> np.ndarray:
    """Lower and upper length of the error bars; the lower one of a positive reading ends above 0, so a logarithm can show it."""
    lower = np.where(beta > 0, np.minimum(error, 0.999 * beta), error)
    return np.stack([lower, error])


DRAWING = Drawing(
    "beta_eff",
    "beta_eff",
    "beta_eff by epoch, with its standard error over the samples. Where it is flat or rises, there is little to extrapolate from.",
    draw,
)
