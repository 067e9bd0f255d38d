"""The paper's Supplementary Figure S2: the mean of the runs, or one run."""

import pandas as pd

from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits import paper
from benchmarks.evidence.exhibits.contract import Exhibit, by_epochs, selected
from benchmarks.evidence.judging import ALL


def table(evidence: Evidence) -> pd.DataFrame:
    """The verdicts under the paper's conditions, of one run at a time and of the mean curves, where there are several runs."""
    rows = selected(evidence.verdicts, probe=paper.PROBE, group="paper")
    return rows[rows["runs"] > 1].reset_index(drop=True) if len(rows) else rows


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """rho of the mean over targets."""
    means = selected(rows, target=ALL)
    return by_epochs(means, "rho", ["tier", "curves", "targets", "candidates", "runs", "contestant"])


EXHIBIT = Exhibit(
    "paper_figure_s2",
    "Supplementary Figure S2: one run, or the mean of several",
    "Probe frozen. Empty until two runs of some target are complete.",
    table,
    shown,
)
