"""The rows of one candidate, as the figures read them."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# The columns of observations that the figures read.
DRAWN = [
    "candidate",
    "run",
    "epoch",
    "beta_eff",
    "beta_eff_error",
    "val_accuracy",
    "degenerate",
    "seconds_train",
    "seconds_beta",
]


@dataclass(frozen=True)
class Series:
    """One candidate: its line of the ranking and its rows of observations, in order of run and epoch.

    `observed` holds the epochs that the prediction has read, `afterwards` those that were trained later.
    """

    candidate: str
    summary: dict[Hashable, Any]
    rows: pd.DataFrame

    @property
    def last_observed(self) -> int:
        """The number of epochs that the prediction has read; 0 if none is known."""
        epochs = self.summary["epochs"]
        return 0 if pd.isna(epochs) else int(epochs)

    @property
    def observed(self) -> pd.DataFrame:
        """Rows of the epochs that the prediction has read."""
        return self.rows[self.rows["epoch"] <= self.last_observed]

    @property
    def afterwards(self) -> pd.DataFrame:
        """Rows of later epochs."""
        return self.rows[self.rows["epoch"] > self.last_observed]

    def runs(self) -> list[pd.DataFrame]:
        """The rows of each run."""
        return [rows for _, rows in self.rows.groupby("run", sort=True)]

    def mean(self, column: str) -> pd.Series:
        """The mean over runs, indexed by epoch."""
        return self.rows.groupby("epoch", sort=True)[column].mean()


def by_rank(table: pd.DataFrame, runs: pd.DataFrame, observations: pd.DataFrame) -> list[Series]:
    """One Series per candidate of the table, best first; candidates without a row of observations included.

    Runs that failed are left out, as they are from the prediction, unless all runs of the candidate failed.
    """
    rows = observations.assign(degenerate=observations["degenerate"].fillna(0).astype(bool))
    for column in ("epoch", "beta_eff", "beta_eff_error", "val_accuracy", "seconds_train", "seconds_beta"):
        rows[column] = pd.to_numeric(rows[column])
    rows = rows.sort_values(["run", "epoch"])
    failed = set(runs.loc[runs["status"] == "failed", ["candidate", "run"]].itertuples(index=False, name=None))
    lost = pd.Series(
        [key in failed for key in zip(rows["candidate"], rows["run"], strict=True)], rows.index, dtype=bool
    )
    series = []
    for line in table.to_dict("records"):
        own = rows["candidate"] == line["candidate"]
        series.append(Series(str(line["candidate"]), line, rows[own if line["status"] == "failed" else own & ~lost]))
    return series


def readable(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Which rows hold a beta_eff that says something: finite and not degenerate."""
    return np.asarray(np.isfinite(rows["beta_eff"]) & ~rows["degenerate"], dtype=bool)
