"""How far two trainings of the same candidates agree, and how far validation and test images do: no rule can be expected to do better."""

from itertools import combinations

import numpy as np
import pandas as pd

from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits.contract import Exhibit, ranged, selected
from benchmarks.evidence.judging import MEASURES, interval, sampled
from benchmarks.evidence.race import Race
from ncap.ranking import trial
from ncap.ranking.curves import Seen
from ncap.ranking.outcomes import final_accuracy

KINDS = ("two runs", "validation and test")


def table(evidence: Evidence) -> pd.DataFrame:
    """Per race: final test accuracies of one run against those of another, mean over the pairs; and the final validation accuracies of a
    run against its test accuracies, mean over the runs."""
    rows = []
    for race in evidence.races:
        for kind, pairs in zip(KINDS, (between_runs(race.ends), between_parts(race)), strict=True):
            if pairs:
                values = np.mean([list(trial.measures(one, other).values()) for one, other in pairs], axis=0)
                samples = np.mean([sampled(one[None, None], other) for one, other in pairs], axis=0)
                low, high = interval(samples)
                row = dict(zip(("tier", "probe", "target"), race.key, strict=True)) | {"kind": kind}
                row |= {"candidates": len(race.candidates), "runs": len(race.runs)}
                for i, name in enumerate(MEASURES):
                    row |= {name: values[i], f"{name}_low": low[i], f"{name}_high": high[i]}
                rows.append(row)
    return pd.DataFrame(rows)


def between_runs(ends: pd.DataFrame) -> list[tuple[np.ndarray, np.ndarray]]:
    """Final accuracies of every pair of runs, over the candidates that finished both; none with a single run.

    >>> pairs = between_runs(pd.DataFrame({0: [0.5, 0.6], 1: [0.5, 0.7]}, index=["a", "b"]))
    >>> [[side.tolist() for side in pair] for pair in pairs]
    [[[0.5, 0.6], [0.5, 0.7]]]
    """
    both = ends.dropna()
    return [(both[i].to_numpy(), both[j].to_numpy()) for i, j in combinations(ends.columns, 2)] if len(both) > 1 else []


def between_parts(race: Race) -> list[tuple[np.ndarray, np.ndarray]]:
    """Final validation and test accuracies of every run."""
    made = []
    for run in race.runs:
        seen: list[Seen] = race.seen(run, race.last_epoch, "")
        ended = pd.Series({one.candidate: final_accuracy(one.curve) for one in seen if not one.failed})
        both = pd.DataFrame({"validation": ended, "test": race.ends[run]}).dropna()
        if len(both) > 1:
            made.append((both["validation"].to_numpy(), both["test"].to_numpy()))
    return made


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """rho and regret of every race, but of sub-targets."""
    rows = rows[rows["tier"] != "subtargets"] if len(rows) else rows
    if rows.empty:
        return rows
    words = {name: ranged(rows, name) for name in ("rho", "weighted_tau", "regret_1")}
    return selected(rows)[["tier", "probe", "target", "kind", "candidates", "runs"]].assign(
        **{name: text.to_numpy() for name, text in words.items()}
    )


EXHIBIT = Exhibit(
    "noise_ceiling",
    "The noise ceiling",
    "The order of the final accuracies of one seed against that of another, where two runs are complete: whoever predicts a run's end "
    "perfectly from that run does not do better on the other. Beside it, the final validation accuracies of a run against its test "
    "accuracies: whoever foresees the validation curve perfectly does no better. Regrets in points of accuracy.",
    table,
    shown,
)
