"""Which readings say nothing, and how often; which have poles."""

import numpy as np
import pandas as pd

from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits.contract import Exhibit

JUMP = 3.0  # a reading that grows so many times, or changes its sign, from one tick to the next


def table(evidence: Evidence) -> pd.DataFrame:
    """Per tier, probe and reading: shares of the measurements that are degenerate, by reason; of the steps from a tick to the next, those
    that change the sign, and those that grow more than threefold; of the trainings, those that end lower than they begin."""
    benchmark = evidence.benchmark
    readings = benchmark.readings.merge(
        benchmark.jobs[["settings", "target", "tier", "probe"]], on=["settings", "target"]
    )
    rows = []
    for (tier, probe, reading), group in readings.groupby(["tier", "probe", "reading"], sort=True):
        runs = [run.sort_values("tick") for _, run in group.groupby(["settings", "target", "candidate", "run"])]
        reasons = group["reason"].value_counts(normalize=True)
        row = {"tier": tier, "probe": probe, "reading": reading, "trainings": len(runs), "measurements": len(group)}
        row |= {name: float(reasons.get(name, 0.0)) for name in ("softmax", "zero", "rounding", "depth")}
        row |= {"defined": float(((group["reason"] == "") & np.isfinite(group["beta_eff"])).mean())}
        row |= steps([run["beta_eff"].to_numpy(float)[(run["reason"] == "").to_numpy()] for run in runs])
        rows.append(row)
    return pd.DataFrame(rows)


def steps(runs: list[np.ndarray]) -> dict[str, float]:
    """Shares of the steps that change the sign and that grow, and of the runs that fall.

    >>> steps([np.array([4.0, 2.0, 1.0]), np.array([0.5, -7.0, 0.25])])
    {'negative': 0.16666666666666666, 'sign_changes': 0.5, 'jumps': 0.25, 'falls': 1.0}
    """
    pairs = np.concatenate(
        [np.stack([run[:-1], run[1:]]) for run in runs if len(run) > 1] or [np.empty((2, 0))], axis=1
    )
    values = np.concatenate(runs) if runs else np.empty(0)
    whole = [run for run in runs if len(run) > 1]
    return {
        "negative": _share(values < 0),
        "sign_changes": _share(pairs[0] * pairs[1] < 0),
        "jumps": _share(np.abs(pairs[1]) > JUMP * np.abs(pairs[0])),
        "falls": _share(np.array([abs(run[-1]) < abs(run[0]) for run in whole])),
    }


def _share(found: np.ndarray) -> float:
    return float(found.mean()) if found.size else float("nan")


EXHIBIT = Exhibit(
    "ill_defined",
    "Readings that are not defined",
    "Shares: of the measurements that are degenerate, with the reason, or defined; of the defined ones that are negative; of the steps "
    "from a tick to the next that change the sign, or grow more than threefold in magnitude, as at a pole; of the trainings in which a "
    "reading ends with a lower magnitude than it began with.",
    table,
    shown=lambda rows: rows.drop(columns="depth") if len(rows) else rows,
)
