"""Which cells the table has, and which of them are judged."""

import pandas as pd

from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits.contract import Exhibit
from ncap.records.benchmark import finals

COLUMNS = [
    "tier",
    "probe",
    "target",
    "trainings",
    "candidates",
    "runs",
    "epochs",
    "n_train",
    "n_val",
    "n_test",
    "protocol",
]


def table(evidence: Evidence) -> pd.DataFrame:
    """One row per job: its trainings; the candidates and the runs that are judged, which are the complete ones."""
    jobs = evidence.benchmark.jobs
    trainings = finals(evidence.benchmark.observations).groupby(["settings", "target"]).size().rename("trainings")
    rows = jobs.merge(trainings.reset_index(), on=["settings", "target"], how="left")
    judged = {race.key: race for race in evidence.races}
    places = list(rows[["tier", "probe", "target"]].itertuples(index=False, name=None))
    rows = rows.assign(
        trainings=rows["trainings"].fillna(0).astype(int),
        candidates=[len(judged[place].candidates) if place in judged else 0 for place in places],
        runs=[len(judged[place].runs) if place in judged else 0 for place in places],
    )
    return rows[COLUMNS].sort_values(["tier", "probe", "target"], ignore_index=True)


EXHIBIT = Exhibit(
    "cells",
    "Which cells exist",
    "Trainings in the table; the candidates and runs that are judged are those that are complete: the candidates of the first run, and the "
    "runs that all of them have.",
    table,
    shown=lambda rows: rows,
)
