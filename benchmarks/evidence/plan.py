"""The plan of a tier: its trainings, in the order in which they are done, and what the store or the committed table has of them.

A training is a run of ncap's records: (settings, target, candidate, run). Those of the first run come before those of the second, target by
target, so that an early stop leaves a complete, if smaller, benchmark.
"""

import os
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from benchmarks.evidence import subsets
from benchmarks.evidence.protocol import Protocol, Tier
from ncap.job import Job
from ncap.records.schema import RunKey
from ncap.targets import ArrayTarget

BACKEND = "tensorflow"  # the table has been trained on it; another backend would be another job
# A training has one thread: its last digits depend on their number, and so its processor's seconds are what it takes on an idle machine.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")


@dataclass(frozen=True)
class Column:
    """The trainings of one target under one kind of probe."""

    tier: str
    target: str
    probe: str
    job: Job
    parameters: dict[str, object]
    settings: str
    facts: dict[str, int]


def columns(protocol: Protocol, tier: Tier) -> list[Column]:
    """A column per target and probe; every target is read, because the hash of the settings depends on its images."""
    from ncap.records.migrations import settings_hash

    found = []
    for name in tier.targets:
        target = target_of(protocol, tier, name)
        facts = {"classes": target.classes} | {f"n_{part}": length for part, length in target.lengths.items()}
        for probe in tier.probes:
            job = job_of(tier, probe)
            parameters = job.parameters(BACKEND, target.fingerprint)
            settings, _ = settings_hash(dict(parameters))
            found.append(Column(tier.name, name, probe, job, parameters, settings, facts))
    return found


def circumstances(environment: dict[str, str], column: Column) -> dict[str, object]:
    """What the store keeps beside the settings of a column: versions, machine, threads, sizes."""
    return environment | {"threads": os.environ.get("TF_NUM_INTRAOP_THREADS", "")} | column.facts


def job_of(tier: Tier, probe: str) -> Job:
    """How every candidate of a tier is trained and read under one kind of probe."""
    return Job(
        **tier.probes[probe].settings(),
        runs=tier.runs,
        batch_size=tier.batch_size,
        frozen=probe == "frozen",
        ticks_per_epoch=tier.ticks_per_epoch,
        size=tier.size,
        readings=tier.readings,
    )


def with_readings(tier: Tier, job: Job, run: int) -> Job:
    """The job with what is read in a run; the hash of its settings does not depend on that."""
    return replace(job, readings=tier.readings + (tier.batch_readings if run == tier.batch_run else ()))


def keys(tier: Tier, found: list[Column]) -> dict[RunKey, Column]:
    """Every training and its column, in order: run by run, target by target, candidate by candidate, trained beside frozen."""
    return {
        RunKey(column.settings, column.target, candidate, run): column
        for run in range(tier.runs)
        for target in tier.targets
        for candidate in tier.candidates
        for column in found
        if column.target == target
    }


@lru_cache(maxsize=3)
def _target(protocol_hash: str, tier: str, name: str) -> ArrayTarget:
    protocol, chosen = _READ[protocol_hash, tier]
    return subsets.load(protocol, chosen, name)


_READ: dict[tuple[str, str], tuple[Protocol, Tier]] = {}


def target_of(protocol: Protocol, tier: Tier, name: str) -> ArrayTarget:
    """A target of a tier; the last three are kept in memory."""
    _READ[protocol.hash, tier.name] = protocol, tier
    return _target(protocol.hash, tier.name, name)


def committed(folder: Path) -> set[RunKey]:
    """The trainings that the committed table has, the failed ones included."""
    from ncap.records.parts import MANIFEST, read_table
    from ncap.records.schema import FAILURES, OBSERVATIONS

    if not (folder / MANIFEST).exists():
        return set()
    names = list(RunKey._fields)
    rows = [read_table(folder, table)[names].drop_duplicates() for table in (OBSERVATIONS, FAILURES)]
    return {RunKey(*row) for table in rows for row in table.itertuples(index=False, name=None)}
