"""Networks that learned nothing, and what was predicted of them."""

import math

import pandas as pd

from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits.contract import Exhibit

RULES = ("last_seen", "exp", "capacitance", "capacitance_forecast")
EPOCHS = 5.0
COLUMNS = ["tier", "probe", "target", "candidate", "run", "true_accuracy", "guessing", "died_of", *RULES]


def table(evidence: Evidence) -> pd.DataFrame:
    """One row per training that failed, or ended within two standard errors of guessing: what each rule predicted after five epochs."""
    rows = []
    for race in evidence.races:
        guess = 1 / race.classes
        bound = guess + 2 * math.sqrt(guess * (1 - guess) / race.test)
        failed = {(row["candidate"], row["run"]): row["reason"] for row in race.records.failures.to_dict("records")}
        for run in race.runs:
            dead = [name for name in race.candidates if (name, run) in failed or not race.ends.loc[name, run] > bound]
            if not dead:
                continue
            values = {
                rule: evidence.predictions.of(race, evidence.contestants[rule], run, EPOCHS, 0)["value"]
                for rule in RULES
            }
            rows += [
                dict(zip(COLUMNS[:3], race.key, strict=True))
                | {"candidate": name, "run": run, "true_accuracy": race.ends.loc[name, run], "guessing": guess}
                | {"died_of": failed.get((name, run), "")}
                | {rule: value[name] for rule, value in values.items()}
                for name in dead
            ]
    return pd.DataFrame(rows, columns=COLUMNS)


EXHIBIT = Exhibit(
    "dead_networks",
    "Networks that died",
    "Trainings that failed, or whose final test accuracy lies within two standard errors of guessing, and the accuracies that rules "
    "predicted of them after five epochs. Candidates that failed in every run have no final accuracy and are not judged.",
    table,
    shown=lambda rows: rows,
)
