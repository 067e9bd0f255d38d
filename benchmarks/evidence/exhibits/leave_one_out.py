"""Does one candidate make the result? Every contestant without each of them."""

import numpy as np
import pandas as pd

from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits.contract import Exhibit
from benchmarks.evidence.predictions import placed
from benchmarks.evidence.race import Race
from ncap.ranking.agreement import spearman

RULES = (
    "last_seen",
    "best_seen",
    "mean_seen",
    "exp",
    "capacitance",
    "capacitance_forecast",
    "capacitance_forecast[training loss]",
)
EPOCHS = 5.0


def table(evidence: Evidence) -> pd.DataFrame:
    """After five epochs: rho, and the least and the largest rho without one candidate, which is named."""
    rows = []
    for race in (race for race in evidence.races if race.tier != "subtargets"):
        for name in RULES:
            orders = [
                predicted(evidence, race, name, run, draw)
                for run in race.runs
                for draw in range(evidence.contestants[name].draws)
            ]
            left = pd.Series(
                {out: _rho(orders, race.truth, np.array(race.candidates) != out) for out in race.candidates}
            )
            row = dict(zip(("tier", "probe", "target"), race.key, strict=True))
            row |= {"epochs": EPOCHS, "contestant": name, "candidates": len(race.candidates), "runs": len(race.runs)}
            row |= {"rho": _rho(orders, race.truth, np.full(len(race.truth), True))}
            row |= {"least": left.min(), "without": left.idxmin(), "largest": left.max(), "without_": left.idxmax()}
            rows.append(row)
    return pd.DataFrame(rows)


def predicted(evidence: Evidence, race: Race, name: str, run: int, draw: int = 0) -> np.ndarray:
    """What the candidates are ordered by."""
    made = evidence.predictions.of(race, evidence.contestants[name], run, EPOCHS, draw)
    assert made is not None, name
    return placed(made)


def _rho(orders: list[np.ndarray], truth: np.ndarray, kept: np.ndarray) -> float:
    return float(np.mean([spearman(order[kept], truth[kept]) for order in orders]))


EXHIBIT = Exhibit(
    "leave_one_out",
    "Without one candidate",
    "rho after five epochs, and the least and the largest rho that is left when one candidate is taken out.",
    table,
    shown=lambda rows: rows,
)
