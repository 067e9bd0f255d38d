"""The paper's Figure 3b: where the observations begin."""

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.evidence.contestants import T0_EPOCHS
from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits import paper
from benchmarks.evidence.exhibits.contract import Exhibit, ranged, selected
from benchmarks.evidence.exhibits.drawing import cells
from benchmarks.evidence.judging import ALL
from ncap.report.figures import canvas


def table(evidence: Evidence) -> pd.DataFrame:
    """Verdicts of h(0) of the epochs from t0 to the tenth, and of the t0 that BIC chooses, which is 0 in the column t0."""
    rows = paper.curves(selected(evidence.verdicts, probe=paper.PROBE, epochs=float(T0_EPOCHS)))
    rows = rows[(rows["group"] == "t0") | (rows["contestant"] == "capacitance[whole epochs]")] if len(rows) else rows
    if rows.empty:
        return rows
    t0 = rows["contestant"].str.extract(r"t0 = (\d+)", expand=False).fillna("0").astype(int)
    kept = ["tier", "probe", "target", "targets", "candidates", "runs", "rho", "rho_low", "rho_high"]
    return rows[kept].assign(t0=t0).sort_values(["tier", "target", "t0"], ignore_index=True)


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """The mean over targets."""
    means = selected(rows, target=ALL)
    if means.empty:
        return means
    words = means["t0"].astype(str).replace("0", "by BIC")
    return means[["tier", "probe", "targets", "candidates", "runs"]].assign(first_epoch=words, rho=ranged(means, "rho"))


def draw(rows: pd.DataFrame) -> Figure | None:
    """rho against the first epoch used; dashed: the choice by BIC."""
    if rows.empty:
        return None
    groups = list(selected(rows, target=ALL).groupby("tier", sort=True))
    figure, axes = canvas.panels(len(groups), height=2.6)
    for ax, (tier, group) in zip(axes, groups, strict=True):
        fixed = group[group["t0"] > 0]
        ax.plot(fixed["t0"], fixed["rho"], "o-", color="#D55E00")
        ax.fill_between(fixed["t0"], fixed["rho_low"], fixed["rho_high"], color="#D55E00", alpha=0.12, linewidth=0)
        ax.axhline(group.loc[group["t0"] == 0, "rho"].iloc[0], color="#0072B2", linestyle="--")
        ax.set(
            title=f"{tier}, probe frozen ({cells(group)})", xlabel="first epoch used, of ten", ylabel="Spearman's rho"
        )
    return figure


EXHIBIT = Exhibit(
    "paper_figure_3b",
    "Figure 3b of the paper: the first epoch used",
    "h(0) of the epochs from the first used to the tenth, probe frozen, mean over targets. The paper: a later one usually ranks better. "
    "Dashed: the choice by BIC.",
    table,
    shown,
    draw,
)
