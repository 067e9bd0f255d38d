"""Every rule for the same seconds: what readings cost, the others spend on training longer."""

from itertools import product

import numpy as np
import pandas as pd

from benchmarks.evidence.budget import paid_for, priced, spent
from benchmarks.evidence.contestants import Contestant
from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits.contract import Exhibit, by_epochs, selected
from benchmarks.evidence.judging import ALL, REFERENCE, Judgement, mean
from benchmarks.evidence.predictions import entrants


def table(evidence: Evidence) -> pd.DataFrame:
    """The budget is what `capacitance` costs after so many epochs: training and readings; `epochs_paid` is what the rule gets for it."""
    rows, groups = [], {}
    for race, count in product(evidence.races, evidence.epochs):
        budget = spent(race, evidence.reading).get(count, float("nan"))
        made = {}
        for contestant in (one for one in entrants(evidence.contestants.values(), race, count) if priced(one)):
            paid = paid_for(race, contestant, evidence.reading, count)
            one = evidence.judged(race, contestant, paid) if np.isfinite(paid) else None
            if one is not None:
                made[contestant.name] = _with_price(one, contestant, count, budget, paid)
        rows += [one.row(made.get(REFERENCE)) for one in made.values()]
        for name, one in made.items():
            groups.setdefault((race.tier, race.probe, count, name), []).append(one)
    means = {key: _mean(found) for key, found in groups.items()}
    rows += [one.row(means.get((*key[:3], REFERENCE))) for key, one in means.items()]
    return pd.DataFrame(rows)


def _with_price(one: Judgement, contestant: Contestant, count: float, budget: float, paid: float) -> Judgement:
    facts = {"seconds": budget / one.facts["candidates"], "epochs_paid": paid} | one.facts
    return Judgement(one.place | {"epochs": count}, contestant, one.values, one.samples, facts)


def _mean(found: list[Judgement]) -> Judgement:
    one = mean(found)
    each = {name: float(np.mean([part.facts[name] for part in found])) for name in ("seconds", "epochs_paid")}
    return Judgement(one.place, one.contestant, one.values, one.samples, each | one.facts)


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """rho of the mean over targets."""
    means = selected(rows, target=ALL)
    return by_epochs(means, "rho", ["tier", "probe", "targets", "candidates", "runs", "contestant"])


EXHIBIT = Exhibit(
    "equal_seconds",
    "Every rule for the same seconds",
    "The columns are the epochs after which `capacitance` is asked; the other rules train as long as its training and its readings took, "
    "and are asked then (`epochs_paid` in the file; `seconds` are a candidate's). Seconds are of one core; a reading is one of those that "
    "shared a pass of the body, so that alone it would cost more. Evaluation on the validation images is not counted.",
    table,
    shown,
)
