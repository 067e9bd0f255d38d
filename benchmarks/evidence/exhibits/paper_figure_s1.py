"""The paper's Supplementary Figure S1: rho against the epochs observed, for capacitance and the baselines."""

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits import paper
from benchmarks.evidence.exhibits.contract import Exhibit, by_epochs, selected
from benchmarks.evidence.exhibits.drawing import lines
from benchmarks.evidence.judging import ALL


def table(evidence: Evidence) -> pd.DataFrame:
    """The verdicts under the paper's conditions, of rules."""
    return paper.curves(selected(evidence.verdicts, probe=paper.PROBE, group="paper"))


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """rho on every target."""
    return by_epochs(rows, "rho", ["tier", "target", "targets", "candidates", "runs", "contestant"])


def draw(rows: pd.DataFrame) -> Figure | None:
    """A panel for every tier and target."""
    several = rows[(rows["target"] != ALL) | (rows["targets"] > 1)] if len(rows) else rows
    return lines(several, "rho", "Spearman's rho", panel="target")


EXHIBIT = Exhibit(
    "paper_figure_s1",
    "Supplementary Figure S1: rho against the epochs observed",
    "Probe frozen, one observation at the end of each epoch. With fewer than four of them h cannot be fitted, and the last-seen accuracy "
    "stands in for `capacitance`.",
    table,
    shown,
    draw,
)
