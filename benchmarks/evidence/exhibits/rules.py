"""Every rule after the same epochs."""

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits.contract import Exhibit, by_epochs, selected
from benchmarks.evidence.exhibits.drawing import lines
from benchmarks.evidence.judging import ALL

RULES = {"curve", "capacitance"}


def table(evidence: Evidence) -> pd.DataFrame:
    """The verdicts of every rule, those that read beta_eff in the protocol's reading."""
    rows = selected(evidence.verdicts, group=RULES)
    return rows[~rows["contestant"].str.endswith("]")].reset_index(drop=True) if len(rows) else rows


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """rho of the mean over targets; the file has every measure and target."""
    means = selected(rows, target=ALL, curves="each run")
    return by_epochs(means, "rho", ["tier", "probe", "targets", "candidates", "runs", "contestant"])


def draw(rows: pd.DataFrame) -> Figure | None:
    """rho against the epochs observed, one panel for a tier and a probe."""
    return lines(selected(rows, target=ALL, curves="each run"), "rho", "Spearman's rho")


EXHIBIT = Exhibit(
    "rules",
    "Every rule after k epochs",
    "Spearman's rho between a rule's order and the final test accuracies, one run at a time, mean over the development targets, with a 95 "
    "% interval over candidates and runs. The file has Kendall's tau, weighted tau, regret@1 and regret@3, every target, and the gain over "
    "the last-seen accuracy with its own interval. Grey: the other rules.",
    table,
    shown,
    draw,
)
