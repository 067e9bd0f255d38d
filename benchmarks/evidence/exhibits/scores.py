"""What is known before training, beside the first epoch."""

import pandas as pd

from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits.contract import Exhibit, ranged, selected
from benchmarks.evidence.judging import ALL


def table(evidence: Evidence) -> pd.DataFrame:
    """The verdicts of scores, which depend on no epoch; scores that no candidate has are left out."""
    rows = selected(evidence.verdicts, group="score")
    return rows[rows["rho"].notna()].drop(columns="epochs").reset_index(drop=True) if len(rows) else rows


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """rho and regret of the mean over targets."""
    means = selected(rows, target=ALL, curves="each run")
    if means.empty:
        return means
    words = {name: ranged(means, name) for name in ("rho", "weighted_tau", "regret_1")}
    return means[["tier", "probe", "targets", "candidates", "runs", "contestant"]].assign(**words)


EXHIBIT = Exhibit(
    "scores",
    "What is known before training",
    "Transferability scores and static facts, each of which orders the candidates without training; regrets in points of accuracy.",
    table,
    shown,
)
