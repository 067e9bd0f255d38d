"""The paper's Table 1: rho of neural capacitance and of the baselines on every target."""

import numpy as np
import pandas as pd

from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits import paper
from benchmarks.evidence.exhibits.contract import Exhibit, selected

OURS = "capacitance[whole epochs]"
BASELINES = {
    "LSV": "last_seen[whole epochs]",
    "BSV": "best_seen[whole epochs]",
    "BGRN": "baker[whole epochs]",
    "CL": "affine_curves[whole epochs]",
    "NCE": "nce",
    "LEEP": "leep",
    "LogME": "log_me",
}
COUNTS = (5.0, 10.0)


def table(evidence: Evidence) -> pd.DataFrame:
    """Per tier, target and epochs observed: rho of h(0) with its interval, that of every baseline, and the gain over the best."""
    rows = []
    verdicts = paper.curves(selected(evidence.verdicts, probe=paper.PROBE, tier=["small", "real"], epochs=list(COUNTS)))
    if verdicts.empty:
        return pd.DataFrame()
    scores = selected(verdicts, group="score")
    for (tier, target, epochs), group in verdicts.groupby(["tier", "target", "epochs"], sort=False):
        known = selected(scores, tier=tier, target=target)  # in the row of one number of epochs, and the same at all
        by_name = pd.concat([group[group["group"] != "score"], known]).set_index("contestant")
        ours = by_name.loc[OURS]
        row = {"tier": tier, "target": target, "epochs": epochs}
        row |= {name: ours[name] for name in ("targets", "candidates", "runs")}
        row |= {"capacitance": ours["rho"], "low": ours["rho_low"], "high": ours["rho_high"]}
        row |= {name: by_name["rho"].get(contestant, np.nan) for name, contestant in BASELINES.items()}
        best = max((row[name] for name in BASELINES if np.isfinite(row[name])), default=np.nan)
        row |= {"improvement_percent": 100 * (row["capacitance"] - best) / best if best > 0 else np.nan}
        rows.append(row | {"paper": said(target, epochs)})
    return pd.DataFrame(rows)


def said(target: str, epochs: float) -> str:
    """What the article says of this target, in words of ours."""
    least, most = (paper.published("ranking", name) for name in ("improvement_least", "improvement_most"))
    if target in ("cifar10", "fashion_mnist", "svhn_small", "birds") and epochs == paper.EPOCHS:
        more = f"rho > {paper.published('ranking', 'rho_cifar10'):g}; " if target == "cifar10" else ""
        return f"{more}improvement {least:g} to {most:g} %"
    return "NCE marginally better" if target == "cifar100" and epochs == 10 else ""


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """Two decimals are enough to read."""
    return rows.round(2) if len(rows) else rows


EXHIBIT = Exhibit(
    "paper_table_1",
    "Table 1 of the paper: rho of capacitance and of its baselines",
    "Probe frozen, one observation at the end of each epoch, curves averaged over the runs. LSV and BSV are the last and the best value "
    "seen, BGRN and CL learn from the curves of the other targets, or of the other candidates where there is one target. NCE, LEEP and "
    "LogME are empty until the scores are in the table. The article gives ranges in words; its table is not among what we have.",
    table,
    shown,
)
