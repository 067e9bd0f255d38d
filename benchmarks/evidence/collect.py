"""Turn the finished trainings and the scores of a store into a new part of the committed table, and write its data card.

    python -m benchmarks.evidence.collect --store ../evidence/store.db

A part is a few Parquet files that are never changed again: float32, standard errors, cancellations and seconds with ten bits of mantissa
(three digits). A training is complete when the store has all of its ticks, or has it as failed; what the table has already is left out.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

from benchmarks.evidence import card, plan
from benchmarks.evidence.protocol import FILE, Protocol, read
from ncap.records import benchmark
from ncap.records.benchmark import JOBS, STORED
from ncap.records.parts import MANIFEST, add_parts, parts, read_table
from ncap.records.schema import FAILURES, OBSERVATIONS, READINGS, SCORES, RunKey
from ncap.records.store import Store

FOLDER = Path(__file__).with_name("table")
RUN, JOB = list(RunKey._fields), ["settings", "target"]
MEGABYTES = 25  # of the whole table, at most


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--store", type=Path, help="what benchmarks.evidence.run has filled; without it, the data card alone is written"
    )
    parser.add_argument("--table", type=Path, default=FOLDER)
    parser.add_argument("--protocol", type=Path, default=FILE, help="another one, for trials")
    options = parser.parse_args()
    if options.store is not None:
        protocol = read(options.protocol)
        with Store(options.store, create=False) as store:
            tables = complete(protocol, store, options.table)
        for name, size in add_parts(options.table, tables, STORED, protocol.hash).items():
            print(f"{name}: {size / 1e6:.2f} MB")
    text = card.written(benchmark.load_benchmark(options.table), parts(options.table))
    (options.table / "README.md").write_text(text, encoding="utf-8")
    size = sum(file.stat().st_size for file in options.table.iterdir()) / 1e6
    print(f"{size:.1f} MB in {options.table}; make evidence-slow evidence builds the page of it")
    return 0 if size <= MEGABYTES else 1


def complete(protocol: Protocol, store: Store, folder: Path) -> dict[str, pd.DataFrame]:
    """The rows of every table that the store has complete and the committed table lacks."""
    columns = [column for tier in protocol.tiers.values() for column in plan.columns(protocol, tier)]
    begun = {job["settings"]: job["environment"] for job in store.jobs()}
    columns = [column for column in columns if column.settings in begun]
    known = pd.DataFrame(
        [(column.settings, len(column.job.places())) for column in columns], columns=["settings", "places"]
    )
    observations, failures = store.table(OBSERVATIONS), store.table(FAILURES)
    ticks = observations.groupby(RUN, sort=False).size().rename("ticks").reset_index().merge(known, on="settings")
    ended = pd.concat(
        [
            ticks.loc[ticks["ticks"] >= ticks["places"], RUN],
            failures.loc[failures["settings"].isin(known["settings"]), RUN],
        ]
    )
    have = pd.DataFrame(sorted(plan.committed(folder)), columns=RUN).astype({"run": int})
    new = _without(ended.drop_duplicates(), have)
    tables = {
        OBSERVATIONS.name: observations.merge(new, on=RUN),
        READINGS.name: store.table(READINGS).merge(new, on=RUN),
        FAILURES.name: failures.merge(new, on=RUN),
        SCORES.name: _without(store.table(SCORES).merge(known[["settings"]], on="settings"), _committed_scores(folder)),
    }
    jobs = pd.DataFrame(
        [_job(column, begun[column.settings], protocol) for column in columns], columns=list(JOBS.names)
    )
    used = pd.concat([new[JOB], tables[SCORES.name][JOB]]).drop_duplicates()
    return tables | {JOBS.name: jobs.merge(used, on=JOB)}


def _without(rows: pd.DataFrame, taken: pd.DataFrame) -> pd.DataFrame:
    """The rows whose key is not among those taken."""
    merged = rows.merge(taken, on=list(taken.columns), how="left", indicator="side")
    return rows[(merged["side"] == "left_only").to_numpy()].reset_index(drop=True)


def _committed_scores(folder: Path) -> pd.DataFrame:
    rows = read_table(folder, SCORES) if (folder / MANIFEST).exists() else SCORES.empty()
    return rows[list(SCORES.key)].drop_duplicates()


def _job(column: plan.Column, environment: dict[str, str], protocol: Protocol) -> dict[str, object]:
    recipe = protocol.tiers[column.tier].probes[column.probe]
    return {
        "settings": column.settings,
        "target": column.target,
        "tier": column.tier,
        "probe": column.probe,
        "role": protocol.role(column.target),
        "parent": protocol.parent(column.target),
        **column.facts,
        "size": column.job.size or 0,
        "optimizer": recipe.optimizer,
        "learning_rate": recipe.learning_rate,
        "dropout": recipe.dropout,
        "batch_size": column.job.batch_size,
        "epochs": column.job.epochs,
        "ticks_per_epoch": ",".join(map(str, column.job.ticks_per_epoch)),
        "threads": environment.get("threads", ""),
        "keras": environment["keras"],
        "backend": f"{environment['backend']} {environment['backend_version']}",
        "machine": environment["machine"],
        "protocol": protocol.hash,
    }


if __name__ == "__main__":
    sys.exit(main())
