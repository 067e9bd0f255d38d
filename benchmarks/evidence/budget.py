"""What training and readings cost, and how many epochs a budget pays for."""

import numpy as np
import pandas as pd

from benchmarks.evidence.contestants import Contestant
from benchmarks.evidence.race import Race


def priced(contestant: Contestant) -> bool:
    """The rules, and those that read beta_eff in every reading that is not a mean over mini-batches, which cost as much as training."""
    return (
        contestant.group in ("curve", "capacitance")
        and contestant.rule.cost == "low"
        and "/batches" not in contestant.reading
    )


def paid_for(race: Race, contestant: Contestant, reading: str, epochs: float) -> float:
    """The last tick, in epochs, that a contestant can read for what the protocol's reading costs up to some epochs; NaN without one."""
    return affordable(spent(race, contestant.reading), spent(race, reading).get(epochs, np.nan))


def spent(race: Race, reading: str) -> "pd.Series[float]":
    """Seconds of training, and of a reading unless it is "", of all candidates of a run, up to every tick, by epoch."""
    trained = race.seconds()
    return trained + race.seconds(reading).reindex(trained.index) if reading else trained


def affordable(cost: "pd.Series[float]", budget: float) -> float:
    """The last tick, in epochs, that a budget pays for; NaN where there is none.

    >>> affordable(pd.Series([1.0, 2.0, 4.0], index=[0.5, 1.0, 2.0]), 3.0)
    1.0
    """
    paid = cost[cost <= budget * (1 + 1e-9)]
    return float(paid.index[-1]) if len(paid) else float("nan")
