"""How well contestants order candidates: the measures, their intervals over candidates and runs, and what is gained over the last value.

One run at a time: a contestant sees one run of every candidate, and its order is compared with the truth, which is a mean over the runs;
the number is the mean over the runs (and over the draws of a drawn control). The interval has 1,000 samples: candidates are drawn with
replacement, and for each of them one of its runs. The same samples serve every contestant, so that a gain has an interval of its own.
Targets are not drawn: a mean over targets is one over these.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.evidence.budget import paid_for, priced
from benchmarks.evidence.contestants import Contestant
from benchmarks.evidence.predictions import Predictions, entrants, placed, runs_of
from benchmarks.evidence.race import Race
from ncap.ranking import bootstrap, trial

FloatArray = NDArray[np.float64]
MEASURES = bootstrap.NAMES
REFERENCE = "last_seen"
ALL = "mean of targets"
Question = tuple[str, float, bool]  # contestant, epochs, whether the mean curves of the runs are seen
PLACE = ["tier", "probe", "target", "curves", "epochs"]


@dataclass(frozen=True, eq=False)
class Judgement:
    """One contestant in one race, or its mean over races.

    values, samples: a number, and one for each sample of the bootstrap, per measure; samples have shape (b, 5), in the order of MEASURES.
    """

    place: dict[str, object]
    contestant: Contestant
    values: FloatArray
    samples: NDArray[np.float32]
    facts: dict[str, object] = field(default_factory=dict)

    def row(self, reference: "Judgement | None") -> dict[str, object]:
        """As a row of the table of verdicts."""
        row = self.place | {"contestant": self.contestant.name, "group": self.contestant.group} | self.facts
        low, high = interval(self.samples)
        for i, name in enumerate(MEASURES):
            row |= {name: self.values[i], f"{name}_low": low[i], f"{name}_high": high[i]}
        if reference is not None:
            low, high = interval(self.samples - reference.samples)
            for i, name in enumerate(MEASURES):
                row |= {f"{name}_gain": self.values[i] - reference.values[i]}
                row |= {f"{name}_gain_low": low[i], f"{name}_gain_high": high[i]}
        return row


def judged(
    race: Race, contestant: Contestant, epochs: float, predictions: Predictions, averaged: bool = False
) -> Judgement | None:
    """A contestant in a race after some epochs, one run at a time, or on the mean curves; None where its predictions are not there."""
    runs = [run for run in runs_of(race, contestant) if (run < 0) == averaged]
    if not runs:
        return None
    made = [[predictions.of(race, contestant, run, epochs, draw) for draw in range(contestant.draws)] for run in runs]
    if any(one is None for each in made for one in each):
        return None
    orders = np.array([[placed(one) for one in each] for each in made])
    values = _nanmean(np.array([list(trial.measures(row, race.truth).values()) for each in orders for row in each]))
    statuses = np.concatenate([one["status"].to_numpy() for each in made for one in each])
    facts = {
        "candidates": len(race.candidates),
        "targets": 1,
        "runs": len(race.runs) if averaged else len(runs),
        "fallbacks": float((statuses != "ok").mean()),
    }
    place = dict(zip(PLACE, (*race.key, "mean of runs" if averaged else "each run", epochs), strict=True))
    return Judgement(place, contestant, values, sampled(orders, race.truth), facts)


def sampled(orders: FloatArray, truth: FloatArray, seed: int = 0) -> NDArray[np.float32]:
    """The measures of every sample, shape (b, 5); orders has shape (runs, draws, n), truth (n,)."""
    runs, draws, n = orders.shape
    drawn = np.random.default_rng(seed).integers(0, n, (bootstrap.SAMPLES, n))
    at = np.random.default_rng(seed + 1).random((2, bootstrap.SAMPLES, n))
    entry = np.floor(at[0] * runs).astype(int) * draws + np.floor(at[1] * draws).astype(int)
    made = bootstrap.measures(orders.ravel(), np.tile(truth, runs * draws), entry * n + drawn)
    return np.stack([made[name] for name in MEASURES], axis=1).astype(np.float32)


def mean(judgements: list[Judgement]) -> Judgement:
    """The mean over races; a sample or a number that one of them lacks is left out there."""
    first = judgements[0]
    samples = np.stack([one.samples for one in judgements])
    facts = {name: float(np.mean([one.facts[name] for one in judgements])) for name in first.facts}
    facts |= {name: min(one.facts[name] for one in judgements) for name in ("candidates", "runs")}
    facts |= {"targets": len(judgements)}
    values = _nanmean(np.stack([one.values for one in judgements]))
    return Judgement(first.place | {"target": ALL}, first.contestant, values, _nanmean(samples), facts)


def judged_all(
    race: Race, everyone: Iterable[Contestant], epochs: Iterable[float], reading: str, predictions: Predictions
) -> dict[Question, Judgement | None]:
    """All that tables ask of a race: everyone after the epochs given, and after as many as the same seconds pay for."""
    made: dict[Question, Judgement | None] = {}
    everyone = list(everyone)
    for averaged, count in product((False, True), epochs):
        for contestant in entrants(everyone, race, count):
            wanted = {count}
            if priced(contestant) and not averaged:
                wanted |= {paid for paid in [paid_for(race, contestant, reading, count)] if np.isfinite(paid)}
            for each in wanted:
                question = (contestant.name, each, averaged)
                if question not in made:
                    made[question] = judged(race, contestant, each, predictions, averaged)
    return made


def verdicts(
    races: list[Race],
    contestants: dict[str, Contestant],
    epochs: list[float],
    judge: Callable[[Race, Contestant, float, bool], Judgement | None],
) -> pd.DataFrame:
    """Every contestant in every race after every number of epochs, and their means over the targets of a tier and a probe.

    Columns: tier, probe, target, curves ("each run"; "mean of runs" where there are several), epochs, contestant, group; candidates,
    targets, runs, fallbacks (share of predictions for which the last value stood in, or nothing); every measure with _low and _high, and
    its _gain over last_seen with the same ends: for a regret, the lower the better. `judge` answers for one of them, as `judged` does.
    """
    rows: list[dict[str, object]] = []
    groups: dict[tuple[object, ...], list[Judgement]] = {}
    for race in races:
        for averaged, count in product((False, True), epochs):
            made = {}
            for contestant in entrants(contestants.values(), race, count):
                if (one := judge(race, contestant, count, averaged)) is not None:
                    made[contestant.name] = one
            rows += [one.row(made.get(REFERENCE)) for one in made.values()]
            for name, one in made.items():
                groups.setdefault((race.tier, race.probe, one.place["curves"], count, name), []).append(one)
    means = {key: mean(found) for key, found in groups.items()}
    rows += [one.row(means.get((*key[:4], REFERENCE))) for key, one in means.items()]
    return pd.DataFrame(rows)


def interval(samples: NDArray[np.float32]) -> tuple[FloatArray, FloatArray]:
    """The 95 % interval of every column of samples, shape (b, m), as two arrays of shape (m,); NaN where no sample has a value."""
    low, high = zip(*map(bootstrap.ends, samples.T.astype(np.float64)), strict=True)
    return np.array(low), np.array(high)


def _nanmean(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """The mean over the first axis of what is defined; NaN where nothing is."""
    defined = np.isfinite(values)
    sums, counts = np.where(defined, values, 0).sum(0), defined.sum(0)
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan, dtype=values.dtype), where=counts > 0)
