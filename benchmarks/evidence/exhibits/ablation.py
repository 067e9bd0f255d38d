"""Where a gain comes from: what else could stand in the place of beta_eff."""

import pandas as pd

from benchmarks.evidence.contestants import BETA_RULES, CONTROLS, LOWEST
from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits.contract import Exhibit, selected
from benchmarks.evidence.exhibits.rules import draw, shown

BESIDE = ("last_seen", "mean_seen")


def table(evidence: Evidence) -> pd.DataFrame:
    """The verdicts of both rules that read beta_eff, of their controls, and of the last and the mean value seen."""
    names = [*BESIDE]
    for rule in BETA_RULES:
        names += [rule, f"{rule}[gradient]", *(f"{rule}[{words}]" for words in CONTROLS)]
    names += LOWEST.values()
    return selected(evidence.verdicts, contestant=names)


EXHIBIT = Exhibit(
    "ablation",
    "Does the gain come from beta_eff?",
    "In brackets, what stands in the place of beta_eff: the candidate's own readings in a drawn order, those of another candidate (both "
    "the mean of five draws), the training loss, the training error, or t^-0.7, which is the same for all. `beta_eff alone`, `training "
    "loss alone` and `validation loss alone` order by minus the last value, without accuracies. A ridge on noise gives the mean of the "
    "accuracies, which is `mean_seen`.",
    table,
    shown,
    draw,
)
