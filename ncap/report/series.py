"""The rows of one candidate, as the figures read them."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ncap.ranking.curves import KEY, joined, mean_over_runs
from ncap.ranking.order import Ranking
from ncap.records.schema import READINGS
from ncap.rules.contract import Fit, Prediction

# The columns of observations that the figures read.
DRAWN = [*KEY, "epoch", "val_accuracy", "seconds_train"]


@dataclass(frozen=True, eq=False)
class Series:
    """One candidate: its line of the ranking, its prediction, and its observations with beta_eff, in order of run and tick.

    Of the rows, `observed` are those of the ticks that the prediction read, and `afterwards` those of later ticks. A tick before the last
    that was read, and not read itself because a run lacks it, is in neither.
    """

    candidate: str
    summary: dict[Hashable, Any]
    rows: pd.DataFrame
    prediction: Prediction | None = None

    @property
    def ticks(self) -> set[int]:
        """The ticks that the prediction read."""
        return set(self.prediction.ticks) if self.prediction else set()

    @property
    def fit(self) -> Fit | None:
        """The prediction's fit, None where it has none."""
        return self.prediction.fit if self.prediction else None

    @property
    def observed(self) -> pd.DataFrame:
        """Rows of the ticks that the prediction read."""
        return self.rows[self.rows["tick"].isin(self.ticks)]

    @property
    def afterwards(self) -> pd.DataFrame:
        """Rows of later ticks."""
        return self.rows[self.rows["tick"] > max(self.ticks, default=0)]

    @property
    def last_read(self) -> float:
        """The epoch of the last tick that the prediction read; NaN if it read none."""
        return float(self.observed["epoch"].max())

    def from_the_last_read(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Of some rows, those of the last tick that the prediction read and of later ones, which one line joins."""
        return rows[rows["tick"] >= max(self.ticks, default=0)]

    def runs(self) -> list[pd.DataFrame]:
        """The rows of each run."""
        return [rows for _, rows in self.rows.groupby("run", sort=True)]

    def mean(self, column: str, rows: pd.DataFrame | None = None) -> pd.DataFrame:
        """Epoch and the mean over the runs that have a value, one row per tick; of all rows unless some are given."""
        return (self.rows if rows is None else rows).groupby("tick", sort=True)[["epoch", column]].mean()

    def points_afterwards(self) -> pd.DataFrame:
        """beta_eff and val_accuracy of the later ticks that every run has, mean over runs."""
        return mean_over_runs(self.afterwards, ["beta_eff", "val_accuracy"]).dropna()


def by_rank(ranking: Ranking) -> list[Series]:
    """One Series per candidate of the ranking, best first; candidates without a row of observations included.

    Runs that failed are left out, as they are from the prediction, unless all runs of the candidate failed.
    """
    readings = READINGS.empty() if ranking.readings is None else ranking.readings
    rows = joined(ranking.observations, readings, ranking.reading).sort_values(["run", "tick"])
    runs = ranking.runs
    failed = set(runs.loc[runs["status"] == "failed", ["candidate", "run"]].itertuples(index=False, name=None))
    keys = zip(rows["candidate"], rows["run"], strict=True)
    lost = pd.Series([key in failed for key in keys], rows.index, dtype=bool)
    series = []
    for line in ranking.table.to_dict("records"):
        name, own = str(line["candidate"]), rows["candidate"] == line["candidate"]
        kept = rows[own if line["status"] == "failed" else own & ~lost]
        series.append(Series(name, line, kept, ranking.predictions.get(name)))
    return series


def readable(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Which rows hold a beta_eff that says something: finite and not degenerate."""
    return np.asarray(np.isfinite(rows["beta_eff"]) & (rows["reason"] == ""), dtype=bool)
