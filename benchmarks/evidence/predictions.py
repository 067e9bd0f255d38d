"""What contestants predict: kept for those that are slow, made on the spot for the others.

    python -m benchmarks.evidence.predictions [--again] [--held-out]      # make evidence-slow

Kept are the predictions of rules that fit a ridge, and of those that take seconds a candidate and learn nothing: a prediction depends on
the first epochs of one candidate's run alone, so that a cell that is in the table once needs it once. They are immutable parts, like the
table; --again makes them all anew, after a rule has changed, which a test of some of them notices. Nothing here reads a test accuracy but
to know which candidates are judged.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.evidence.budget import paid_for, priced
from benchmarks.evidence.contestants import T0_EPOCHS, Contestant
from benchmarks.evidence.race import Race
from ncap.ranking.trial import standing
from ncap.records.parts import MANIFEST, add_parts, read_table
from ncap.records.schema import Column, Table

FOLDER = Path(__file__).with_name("predictions")
TIMES = Path(__file__).with_name("timings.csv")
SLOW_EPOCHS = (5.0,)  # the epochs observed by rules that take seconds a candidate
SCORED = 5.0  # the row in which scores stand, which do not depend on the epochs observed
AVERAGED = ("paper", "t0")  # groups that see the mean curves of the runs as well
BATCH = 25_000  # rows of a part that is written while more are made

PREDICTIONS = Table(
    "predictions",
    "what a contestant predicts of a candidate from the first epochs of a run",
    (
        Column("settings", str, "", "hash of the job's settings"),
        Column("target", str, "", "name of the data set"),
        Column("candidate", str, "", "name of the network"),
        Column("run", int, "", "number of the training; -n: the mean curve of n runs"),
        Column("epochs", float, "epochs", "epochs observed"),
        Column("contestant", str, "", "rule, and what stands in beta_eff's place"),
        Column("draw", int, "", "of a control that is drawn, from 0"),
        Column("order", float, "", "by which candidates are ordered; NaN without a prediction"),
        Column("value", float, "0..1 or a score", "the prediction, an accuracy clipped to 0..1"),
        Column("is_accuracy", int, "", "1 for an accuracy, 0 for a score that orders"),
        Column("status", str, "", "ok, fallback or failed"),
    ),
    keys=7,
)  # fmt: skip
PLACE = ["settings", "target", "run", "epochs", "contestant", "draw"]


def placed(made: pd.DataFrame) -> np.ndarray:
    """What the candidates of a table of predictions are compared by, shape (n,)."""
    return standing(made["is_accuracy"].to_numpy(bool), made["order"].to_numpy(float))


@dataclass
class Predictions:
    """Those that are kept, and a way to the others."""

    kept: pd.DataFrame = field(default_factory=PREDICTIONS.empty)
    _places: dict[tuple[object, ...], pd.DataFrame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Find the kept ones by their place."""
        self._places = dict(list(self.kept.groupby(PLACE, sort=False)))

    @classmethod
    def read(cls, folder: Path = FOLDER) -> "Predictions":
        """Those of a folder, which may be missing."""
        return cls(read_table(folder, PREDICTIONS) if (folder / MANIFEST).exists() else PREDICTIONS.empty())

    def of_race(self, race: Race) -> "Predictions":
        """Those of one race."""
        mine = (self.kept["settings"] == race.records.settings) & (self.kept["target"] == race.target)
        return Predictions(self.kept[mine])

    def candidates(self, place: tuple[object, ...]) -> set[str]:
        """The candidates that are kept at a place: settings, target, run, epochs, contestant, draw."""
        found = self._places.get(place)
        return set() if found is None else set(found["candidate"])

    def of(self, race: Race, contestant: Contestant, run: int, epochs: float, draw: int) -> pd.DataFrame | None:
        """Of every candidate: order, value, is_accuracy, status, as they are kept; None where one that takes seconds is not kept."""
        if contestant.stored:
            found = self._places.get((race.records.settings, race.target, run, epochs, contestant.name, draw))
            if found is not None and set(race.candidates) <= set(found["candidate"]):
                rows = found.set_index("candidate").loc[race.candidates, ["order", "value", "is_accuracy", "status"]]
                return rows.astype({"is_accuracy": bool})
        if contestant.stored and contestant.rule.cost == "high":
            return None
        return single(race.orders(contestant, run, epochs, draw))


def single(made: pd.DataFrame) -> pd.DataFrame:
    """Predictions with the precision in which they are kept, so that a kept and a new one are the same."""
    return made.assign(**{name: made[name].astype(np.float32).astype(np.float64) for name in ("order", "value")})


def entrants(everyone: Iterable[Contestant], race: Race, epochs: float) -> list[Contestant]:
    """Who is judged in a race after some epochs: all for whom there is what they read, and where there are many targets a few of them."""
    few = race.tier == "subtargets"
    return [
        one
        for one in everyone
        if ((one.few and one.rule.cost == "low") or not few)
        and (one.group != "t0" or epochs == T0_EPOCHS)
        and (one.group != "score" or epochs == SCORED)
        and (one.rule.cost == "low" or epochs in SLOW_EPOCHS)
        and race.runs_with(one)
    ]


def runs_of(race: Race, contestant: Contestant) -> list[int]:
    """The runs that a contestant is judged on, one at a time; under the paper's conditions, the mean of several runs as well."""
    runs = race.runs_with(contestant)
    averaged = contestant.group in AVERAGED and len(runs) == len(race.runs) > 1
    return [*runs, *([race.mean_run] if averaged else [])]


def missing(
    races: Iterable[Race], everyone: Iterable[Contestant], epochs: Iterable[float], kept: Predictions, reading: str
) -> Iterator[pd.DataFrame]:
    """The predictions that should be kept and are not: one table for a race, a contestant, a run, a number of epochs and a draw.

    They are those after the epochs given, and after as many as the same seconds pay for; `reading` is the protocol's, whose cost is the
    budget.
    """
    everyone, epochs = list(everyone), list(epochs)
    for race in races:
        wanted = {(one, count) for count in epochs for one in entrants(everyone, race, count) if one.stored}
        wanted |= {(one, paid_for(race, one, reading, count)) for one, count in wanted if priced(one)}
        for contestant, count in sorted(wanted, key=lambda pair: (everyone.index(pair[0]), pair[1])):
            if not np.isfinite(count):
                continue
            for run, draw in product(runs_of(race, contestant), range(contestant.draws)):
                place = (race.records.settings, race.target, run, float(count), contestant.name, draw)
                taken = kept.candidates(place)
                if not set(race.candidates) <= taken:
                    made = race.orders(contestant, run, count, draw).reset_index()
                    yield made[~made["candidate"].isin(taken)].assign(**dict(zip(PLACE, place, strict=True)))


def keep(tables: Iterable[pd.DataFrame], folder: Path) -> int:
    """Write tables of predictions as parts; their number of rows."""
    waiting, count, written = [], 0, 0
    for table in tables:
        waiting.append(table)
        count += len(table)
        if count >= BATCH:
            written += _written(waiting, folder)
            waiting, count = [], 0
    return written + (_written(waiting, folder) if waiting else 0)


def _written(tables: list[pd.DataFrame], folder: Path) -> int:
    rows = pd.concat(tables, ignore_index=True).astype({"is_accuracy": int})
    add_parts(folder, {PREDICTIONS.name: rows}, [PREDICTIONS])
    print(f"{len(rows)} predictions kept", flush=True)
    return len(rows)


def timings(race: Race, everyone: Iterable[Contestant], epochs: float) -> pd.DataFrame:
    """Processor time of a contestant to predict all candidates of a race, what it learns included, a candidate: ms."""
    rows = []
    for contestant in everyone:
        if contestant.group in ("curve", "capacitance") and not contestant.name.endswith("]"):
            race.seen(race.runs[0], epochs, contestant.reading)  # read once for all
            race.forget()
            begun = time.process_time()
            race.orders(contestant, race.runs[0], epochs)
            took = 1000 * (time.process_time() - begun) / len(race.candidates)
            rows.append({"rule": contestant.name, "epochs": epochs, "candidates": len(race.candidates), "ms": took})
    return pd.DataFrame(rows).round({"ms": 3})


def main() -> int:
    from benchmarks.evidence.evidence import Evidence

    def lacking(evidence: Evidence) -> Iterator[pd.DataFrame]:
        everyone = evidence.contestants.values()
        return missing(evidence.races, everyone, evidence.epochs, evidence.predictions, evidence.reading)

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--again", action="store_true", help="make all of them anew, and the timings of the rules")
    parser.add_argument("--held-out", action="store_true", help="of the held-out targets as well: once, at the end")
    options = parser.parse_args()
    if options.again and FOLDER.exists():
        shutil.rmtree(FOLDER)
    for role in ("development", *(("held_out",) if options.held_out else ())):
        evidence = Evidence.load(role=role)
        keep(lacking(evidence), FOLDER)
        if role == "development" and (options.again or not TIMES.exists()) and evidence.races:
            whole = max(evidence.races, key=lambda race: (race.tier == "small", len(race.candidates)))
            table = timings(whole, evidence.contestants.values(), SLOW_EPOCHS[0])
            table.to_csv(TIMES, index=False, lineterminator="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
