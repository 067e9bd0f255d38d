"""The paper's Figure 2: learning curves, beta_eff, and the line that is fitted to both."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits import paper
from benchmarks.evidence.exhibits.contract import Exhibit
from ncap.report.figures import canvas

TARGET, MOST = "cifar10", 6


def table(evidence: Evidence) -> pd.DataFrame:
    """Of six candidates from the best to the worst: every epoch; h(0) after five, and h at the first and the last reading observed."""
    race = evidence.race("small", paper.PROBE, TARGET)
    if race is None:
        return pd.DataFrame()
    contestant = evidence.contestants["capacitance[whole epochs]"]
    order = np.argsort(-race.truth)
    names = [race.candidates[order[round(i)]] for i in np.linspace(0, len(order) - 1, min(MOST, len(order)))]
    whole, early = (
        {one.candidate: one.curve for one in race.seen(paper.run_of(race), epochs, evidence.reading)}
        for epochs in (race.last_epoch, paper.EPOCHS)
    )
    place = {
        "tier": race.tier,
        "probe": race.probe,
        "target": TARGET,
        "candidates": len(race.candidates),
        "runs": len(race.runs),
    }
    tables = []
    for name in names:
        curve, seen = (each[name].at(each[name].epoch % 1 == 0) for each in (whole, early))
        fit = contestant.rule.predict(seen, {}).fit
        ends = np.array([0.0, np.nanmax(seen.beta_eff)])
        h = fit.line(ends)[0] if fit is not None and fit.line is not None else np.full(2, np.nan)
        rows = pd.DataFrame({"epoch": curve.epoch, "val_accuracy": curve.val_accuracy, "beta_eff": curve.beta_eff})
        truth = race.truth[race.candidates.index(name)]
        rows = rows.assign(observed=curve.epoch <= paper.EPOCHS, h_0=h[0], h_largest=h[1], true_accuracy=truth, **place)
        rows.insert(0, "candidate", name)
        tables.append(rows)
    return pd.concat(tables, ignore_index=True)


def draw(rows: pd.DataFrame) -> Figure | None:
    """Three rows: accuracy, beta_eff, and accuracy against beta_eff with the line."""
    if rows.empty:
        return None
    names = list(dict.fromkeys(rows["candidate"]))
    figure = canvas.sheet(1.9 * len(names) + 0.8, 6.2)
    axes = figure.subplots(3, len(names), sharey="row", squeeze=False)
    for column, name in zip(axes.T, names, strict=True):
        own = rows[rows["candidate"] == name]
        seen, later = own[own["observed"]], own[~own["observed"]]
        for ax, what, colour in ((column[0], "val_accuracy", "#0072B2"), (column[1], "beta_eff", "#009E73")):
            ax.plot(later["epoch"], later[what], ".", color=canvas.FAINT, markersize=3)
            ax.plot(seen["epoch"], seen[what], "o", color=colour, markersize=4)
            ax.set_xscale("log")
            canvas.logarithmic(ax.xaxis, 1, own["epoch"].max())
        column[0].axhline(own["true_accuracy"].iloc[0], color=canvas.ALARM, linewidth=0.9)
        column[2].plot(seen["beta_eff"], seen["val_accuracy"], "s", color="#009E73", markersize=4)
        column[2].plot([0, seen["beta_eff"].max()], [own["h_0"].iloc[0], own["h_largest"].iloc[0]], color="#0072B2")
        column[2].plot(0, own["h_0"].iloc[0], "*", color="#0072B2", markersize=9)
        column[2].plot(0, own["true_accuracy"].iloc[0], "^", color=canvas.ALARM, markersize=6)
        column[0].set_title(canvas.label(name.removesuffix("_32"), 20), fontweight="bold")
        column[1].set_xlabel("epoch")
        column[2].set_xlabel("beta_eff")
    for ax, label in zip(axes[:, 0], ("validation accuracy", "beta_eff", "accuracy"), strict=True):
        ax.set_ylabel(label)
    return figure


EXHIBIT = Exhibit(
    "paper_figure_2",
    "Figure 2 of the paper: curves, beta_eff, and h",
    "CIFAR-10, small tier, probe frozen, six candidates from the best to the worst. Coloured: the five epochs observed. Red: the final "
    "test accuracy; the star is h(0).",
    table,
    draw=draw,
)
