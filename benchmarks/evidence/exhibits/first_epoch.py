"""Inside the first epoch, where the last value is noisy and a line through beta_eff cannot be fitted yet."""

import pandas as pd

from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits.contract import Exhibit
from benchmarks.evidence.exhibits.rules import shown
from benchmarks.evidence.judging import verdicts

PARTS = (0.25, 0.5, 0.75)


def table(evidence: Evidence) -> pd.DataFrame:
    """The verdicts, after a quarter, half and three quarters of an epoch, of rules that learn nothing and of single columns."""
    few = {
        name: one
        for name, one in evidence.contestants.items()
        if one.rule.cost == "low" and not one.rule.learns and (one.group == "curve" or name.endswith(" alone"))
    }
    ticked = [race for race in evidence.races if set(PARTS) <= set(race.records.observations["epoch"])]
    return verdicts(ticked, few, list(PARTS), evidence.judged)


EXHIBIT = Exhibit(
    "first_epoch",
    "Inside the first epoch",
    "After one, two and three of its four ticks. A line through accuracies and beta_eff needs four; `beta_eff alone` orders by minus its "
    "value.",
    table,
    shown,
)
