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
        settings, target: which job; None takes the newest in a store, or that of the last fitting row of `observations`, as given.

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


def targets_of(records: "str | PathLike[str] | Records | Mapping[str, pd.DataFrame]") -> list[str]:
    """The targets of which the records hold observations, in the order in which they were written; of `Records` the one that they are of.

    Raises: as `load`.
    """
    if isinstance(records, Records):
        return [records.target]
    if isinstance(records, Mapping):
        return list(dict.fromkeys(checked_table(OBSERVATIONS, records.get("observations"))["target"]))
    from ncap.records.store import Store

    with Store(Path(records), create=False) as store:
        return list(dict.fromkeys(job["target"] for job in store.jobs()))


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
    _check_matched(checked["observations"], checked["readings"])
    settings, target = _last_job(tables["observations"], settings, target)
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


def _check_matched(observations: "pd.DataFrame", readings: "pd.DataFrame") -> None:
    """Refuse readings of no observation beside a candidate of a job whose observations no reading matches: a key differs."""
    keys = list(OBSERVATIONS.key)
    candidate = ["settings", "target", "candidate"]
    sides = observations[keys].merge(readings[keys].drop_duplicates(), on=keys, how="outer", indicator="side")
    stray = sides[sides["side"] == "right_only"]
    read = sides.loc[sides["side"] == "both", candidate].drop_duplicates()
    unread = observations[candidate].drop_duplicates().merge(read, on=candidate, how="left", indicator="side")
    unread = unread[unread["side"] == "left_only"]
    if len(stray) and len(unread):
        one, other = (", ".join(map(str, row)) for row in (stray.iloc[0][keys], unread.iloc[0][candidate]))
        raise ValueError(
            f"readings: {len(stray)} rows belong to no observation, the first to {one}, while no reading belongs to {other}; give both "
            f"the same {', '.join(keys)}, or leave the readings of other candidates out"
        )


def _last_job(rows: "pd.DataFrame", settings: str | None, target: str | None) -> tuple[str | None, str | None]:
    """The job of the last of the rows that fit, in the order in which they were given; what was asked for where none fits."""
    fitting = rows
    for name, wanted in zip(_JOB, (settings, target), strict=True):
        if wanted is not None:
            fitting = fitting[fitting[name].astype(str) == wanted]
    if not len(fitting):
        return settings, target
    found = fitting.iloc[-1]
    return str(found["settings"]), str(found["target"])
