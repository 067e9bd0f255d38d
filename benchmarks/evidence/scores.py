"""Score every candidate of a tier on every target, before any training: features, source predictions, proxies, static facts.

    NCAP_DATA=../shared/data nice -n 19 python -m benchmarks.evidence.scores small|real|subtargets --store ../evidence/store.db

Scores that the store or the committed table has are not computed again, so that the command is repeated when a score is added. A score does
not depend on the training: its row stands under the settings of each probe, and its seconds are those of the one computation.
"""

import argparse
import os
import sys
from pathlib import Path

import pandas as pd

from benchmarks.evidence import plan
from benchmarks.evidence.protocol import FILE, Protocol, Tier, read
from benchmarks.evidence.run import TABLE
from ncap.records.parts import MANIFEST, read_table
from ncap.records.schema import SCORES
from ncap.records.store import Store

KEY = list(SCORES.key)
LATER = {"mean_rank"}  # follows from the accuracies on the other targets, which nobody has before training


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tier", help="small, real or subtargets")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--protocol", type=Path, default=FILE, help="another one, for trials")
    options = parser.parse_args()
    os.environ.update(plan.ONE_THREAD)
    protocol = read(options.protocol)
    with Store(options.store) as store:
        fill(protocol, protocol.tiers[options.tier], store, options.table)
    return 0


def fill(protocol: Protocol, tier: Tier, store: Store, table: Path) -> None:
    """Compute what is missing, candidate by candidate, and commit it."""
    import ncap
    from ncap import candidates, framework
    from ncap.training.environment import environment

    framework.load()
    have = _keys(store.table(SCORES)) | (_keys(read_table(table, SCORES)) if (table / MANIFEST).exists() else set())
    listed = ncap.list_scores()
    every = [name for name in listed["score"][listed["needs"] != "network"] if name not in LATER]
    found = plan.columns(protocol, tier)
    networks = candidates.resolve(list(tier.candidates))
    for name in tier.targets:
        columns = [column for column in found if column.target == name]
        for column in columns:
            store.add_settings(column.parameters, plan.circumstances(environment(), column))
        for candidate, network in networks.items():
            lacking = [
                score for score in every if any((c.settings, name, candidate, score) not in have for c in columns)
            ]
            if not lacking:
                continue
            resized = network if tier.size is None else network.at_size(tier.size)
            chosen = framework.settings()
            with framework.quiet_tracing():
                scored = ncap.score(
                    resized, plan.target_of(protocol, tier, name), lacking, seed=protocol.content["splits"]["seed"]
                )
            framework.clear_session(chosen)
            rows = scored.assign(candidate=candidate, target=name).to_dict("records")
            store.add_scores([{**row, "settings": column.settings} for column in columns for row in rows])
            print(f"{name} {candidate}: {len(lacking)} scores, {scored['seconds'].max():.1f} s", flush=True)


def _keys(rows: pd.DataFrame) -> set[tuple[str, ...]]:
    return set(rows[KEY].itertuples(index=False, name=None))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(main())
