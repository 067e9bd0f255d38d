"""Every rule for the same seconds: what readings cost, the others spend on training longer."""

import numpy as np
import pandas as pd

from benchmarks.evidence.budget import paid_for, priced, spent
from benchmarks.evidence.contestants import Contestant
from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits.contract import Exhibit
from benchmarks.evidence.exhibits.rules import shown
from benchmarks.evidence.judging import Judgement, verdicts
from benchmarks.evidence.race import Race


def table(evidence: Evidence) -> pd.DataFrame:
    """The budget is what `capacitance` costs after so many epochs: training and readings; `epochs_paid` is what the rule gets for it."""

    def judge(race: Race, contestant: Contestant, count: float, averaged: bool) -> Judgement | None:
        paid = paid_for(race, contestant, evidence.reading, count) if priced(contestant) and not averaged else np.nan
        one = evidence.judged(race, contestant, paid) if np.isfinite(paid) else None
        if one is None:
            return None
        seconds = spent(race, evidence.reading)[count] / one.facts["candidates"]
        facts = {"seconds": seconds, "epochs_paid": paid} | one.facts
        return Judgement(one.place | {"epochs": count}, contestant, one.values, one.samples, facts)

    return verdicts(evidence.races, evidence.contestants, evidence.epochs, judge)


EXHIBIT = Exhibit(
    "equal_seconds",
    "Every rule for the same seconds",
    "The columns are the epochs after which `capacitance` is asked; the other rules train as long as its training and its readings took, "
    "and are asked then (`epochs_paid` in the file; `seconds` are a candidate's). Seconds are of one core; a reading is one of those that "
    "shared a pass of the body, so that alone it would cost more. Evaluation on the validation images is not counted.",
    table,
    shown,
)
