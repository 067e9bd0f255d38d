"""What the exhibits that stand beside the paper share: its conditions and its numbers, as far as the article gives them in words."""

import tomllib
from pathlib import Path

import pandas as pd

from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.predictions import placed
from benchmarks.evidence.race import Race
from ncap.ranking.agreement import spearman

PROBE = "frozen"  # Algorithm 1: the probe is not trained
EPOCHS = 5.0
_FILE = Path(__file__).parents[3] / "reference" / "published.toml"


def published(section: str, name: str) -> float:
    """A number of the article, from reference/published.toml.

    >>> published("cost", "ratio")
    1.3
    """
    return float(tomllib.loads(_FILE.read_text(encoding="utf-8"))[section][name]["value"])


def races(evidence: Evidence, probe: str = PROBE) -> list[Race]:
    """The races under the paper's kind of probe; no sub-targets."""
    return [race for race in evidence.races if race.probe == probe and race.tier != "subtargets"]


def run_of(race: Race) -> int:
    """The mean over runs, as the paper has it, or the only run."""
    return race.mean_run if len(race.runs) > 1 else race.runs[0]


def curves(rows: pd.DataFrame) -> pd.DataFrame:
    """Of verdicts, those of the mean over runs where it was judged, and of one run at a time elsewhere."""
    if rows.empty:
        return rows
    place = ["tier", "probe", "target", "epochs", "contestant"]
    return (
        rows.sort_values("curves", ascending=False, kind="stable")
        .drop_duplicates(place)
        .sort_index()
        .reset_index(drop=True)
    )


def predicted(evidence: Evidence, targets: list[str] | None = None) -> pd.DataFrame:
    """h(0) after five epochs, observed at their ends, beside the last-seen and the final accuracy, one row per candidate."""
    tables = []
    for race in races(evidence):
        if targets is not None and race.target not in targets:
            continue
        made = {
            name: evidence.predictions.of(race, evidence.contestants[f"{rule}[whole epochs]"], run_of(race), EPOCHS, 0)
            for name, rule in (("predicted", "capacitance"), ("last_seen", "last_seen"))
        }
        orders = {name: placed(rows) for name, rows in made.items()}
        table = pd.DataFrame({name: rows["value"] for name, rows in made.items()})
        table = table.assign(
            true_accuracy=race.truth,
            status=made["predicted"]["status"],
            rho=spearman(orders["predicted"], race.truth),
            rho_last_seen=spearman(orders["last_seen"], race.truth),
        ).reset_index()
        for column, value in zip(("runs", "target", "probe", "tier"), (len(race.runs), *race.key[::-1]), strict=True):
            table.insert(0, column, value)
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
