"""Loads the tables of one job, from a store or from DataFrames."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncap.records.schema import FAILURES, OBSERVATIONS, READINGS, SCORES
from ncap.records.tables import Records, checked_table

if TYPE_CHECKING:
    import pandas as pd

_JOB = ("settings", "target")


def load(
    records: "str | PathLike[str] | Records | Mapping[str, pd.DataFrame]",
    settings: str | None = None,
    target: str | None = None,
) -> Records:
    """The tables of one job, from a store or from a set of tables; if there are several jobs, the newest.

    Args:
        records: the path of a store, Records, or {"observations": table[, "readings": ...][, "scores": ...][, "failures": ...]}.
        settings, target: which job; None takes the newest in a store, or the job of the last row in tables.

    Raises: TypeError or ValueError, naming the table, the column and the remedy.
    """
    if isinstance(records, Records):
        for name, wanted, own in (("settings", settings, records.settings), ("target", target, records.target)):
            if wanted is not None and wanted != own:
                raise ValueError(f"records: they belong to the job with {name} {own!r}, got {name} {wanted!r}")
        return records
    if isinstance(records, Mapping):
        return _from_tables(records, settings, target)
    from ncap.records.store import Store

    with Store(Path(records), create=False) as store:
        return store.records(settings, target)


def _from_tables(tables: "Mapping[str, pd.DataFrame]", settings: str | None, target: str | None) -> Records:
    known = {table.name: table for table in (OBSERVATIONS, READINGS, SCORES, FAILURES)}
    if unknown := sorted(map(str, set(tables) - set(known))):
        raise ValueError(f"records: unknown table {unknown[0]!r}; pass {', '.join(known)}")
    if "observations" not in tables:
        raise ValueError(
            f"records: the table 'observations' is missing; got {', '.join(map(str, tables)) or 'no table'}"
        )
    checked = {
        name: checked_table(table, tables[name]) if name in tables else table.empty() for name, table in known.items()
    }
    settings, target = _job_of_last_row(tables["observations"], settings, target)
    wanted = {name: value for name, value in zip(_JOB, (settings, target), strict=True) if value is not None}
    for name, table in checked.items():
        kept = table
        for column, value in wanted.items():
            kept = kept[kept[column] == value]
        checked[name] = kept.reset_index(drop=True)
    if not any(map(len, checked.values())) and wanted:
        raise ValueError(
            f"records: no rows for the job {', '.join(f'{name} {value!r}' for name, value in wanted.items())}"
        )
    kept_tables: dict[str, Any] = dict(checked)
    return Records(**kept_tables, settings=settings or "", target=target or "")


def _job_of_last_row(
    observations: "pd.DataFrame", settings: str | None, target: str | None
) -> tuple[str | None, str | None]:
    """What was asked for, and the rest from the last row, in the order given, that agrees with it; a checked table is sorted."""
    jobs = observations[list(_JOB)].astype(str)
    for column, value in zip(_JOB, (settings, target), strict=True):
        jobs = jobs if value is None else jobs[jobs[column] == value]
    return (settings, target) if jobs.empty else tuple(jobs.iloc[-1])
