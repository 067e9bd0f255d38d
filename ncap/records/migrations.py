"""Migration of older stores to the present schema, in one transaction, with a copy of the old file kept beside the store.

Schema 1 (ncap 0.1) had one table of epochs, each with a single reading that was part of the settings. Schema 2 keeps observations, readings
and scores in separate tables, so that settings say what training does, not what is read. Jobs of schema 1 that differ only in the reading
become one job if their accuracies agree; if not, the later one keeps its own rows under its own hash.
"""

import hashlib
import json
import math
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ncap.records.schema import OBSERVATIONS, READINGS
from ncap.records.sql import ALIASES, SETTINGS, TABLES, checksum, create_statements, insert, storable

_SHARE, _SIZE = 1.0, math.inf  # the highest of a float that begins at 0; another float may have any value
_WIDE = {
    "candidate": str, "target": str, "run": int, "epoch": int, "beta_eff": float, "beta_eff_error": _SIZE, "cancellation": _SIZE,
    "degenerate": int, "train_accuracy": _SHARE, "train_loss": _SIZE, "val_accuracy": _SHARE, "val_loss": _SIZE, "test_accuracy": _SHARE,
    "seconds_train": _SIZE, "seconds_beta": _SIZE, "settings": str, "reading": str,
}  # fmt: skip
# The tables of schema 1: their columns in SQL, and what each holds.
_RUN_1 = "settings TEXT NOT NULL, target TEXT NOT NULL, candidate TEXT NOT NULL, run INTEGER NOT NULL"
_RUN_KEY = "PRIMARY KEY (settings, target, candidate, run"
SCHEMA_1 = {
    "settings": "CREATE TABLE settings (hash TEXT PRIMARY KEY, parameters TEXT NOT NULL, environment TEXT NOT NULL, "
    "first_used TEXT NOT NULL)",
    "observations": "CREATE TABLE observations (candidate TEXT NOT NULL, target TEXT NOT NULL, run INTEGER NOT NULL, "
    "epoch INTEGER NOT NULL, beta_eff REAL, beta_eff_error REAL, cancellation REAL, degenerate INTEGER NOT NULL, "
    "train_accuracy REAL, train_loss REAL, val_accuracy REAL, val_loss REAL, test_accuracy REAL, "
    "seconds_train REAL, seconds_beta REAL, settings TEXT NOT NULL, "
    f"reading TEXT NOT NULL, {_RUN_KEY}, epoch))",
    "failures": f"CREATE TABLE failures ({_RUN_1}, epoch INTEGER NOT NULL, reason TEXT NOT NULL, {_RUN_KEY}))",
    "bodies": "CREATE TABLE bodies (settings TEXT, target TEXT, candidate TEXT, run INTEGER, fingerprint TEXT NOT NULL, "
    f"{_RUN_KEY}))",
}  # fmt: skip
_RUN_TYPES = {"settings": str, "target": str, "candidate": str, "run": int}
_TYPES_1: dict[str, dict[str, Any]] = {
    "settings": dict.fromkeys(("hash", "parameters", "environment", "first_used"), str),
    "observations": _WIDE,
    "failures": _RUN_TYPES | {"epoch": int, "reason": str},
    "bodies": _RUN_TYPES | {"fingerprint": str},
}

# Parts of the settings in schema 1 that change only what is read.
_OF_THE_READING = ("interaction", "strength", "weighting", "beta_samples")
_TRAINED = ("train_accuracy", "train_loss", "val_accuracy", "val_loss", "test_accuracy")


def settings_hash(parameters: dict[str, Any]) -> tuple[str, str]:
    """The hash that names a job's settings, and the JSON text that it is computed from."""
    text = json.dumps(parameters, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12], text


def keep_copy(path: Path, content: bytes, version: int) -> Path:
    """Write the old content of a store to STORE.v<version> beside it.

    content: its bytes, from SQLite itself: opening and closing the file once more would drop SQLite's lock (POSIX locks belong to the
    process).

    Raises: OSError if the copy cannot be written; FileExistsError if a different file has that name.
    """
    copy = path.with_name(f"{path.name}.v{version}")
    if copy.exists():
        if copy.read_bytes() == content:
            return copy
        raise FileExistsError(f"{copy} exists already and is a different file; move it away")
    temporary = copy.with_name(f"{copy.name}.tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(copy)
    return copy


def impossible_row(db: sqlite3.Connection) -> str:
    """The first row of schema 1 that ncap 0.1 cannot have written, in words, or ""; bytes that are not UTF-8 come as surrogates.

    It kept no checksums: a number that has become another possible one cannot be told from the right one.
    """
    readings: dict[str, str] = {}  # of every job
    for table, types in _TYPES_1.items():
        for row in db.execute(f"SELECT {', '.join(types)} FROM {table} ORDER BY rowid"):
            values = dict(zip(types, row, strict=True))
            wrong = [name for name, kind in types.items() if not _possible(values[name], kind)]
            found = f"{wrong[0]} {values[wrong[0]]!a:.80}" if wrong else _contradiction(values, readings)
            if found:
                key = ("hash",) if table == "settings" else ("settings", "target", "candidate", "run", "epoch")
                named = ", ".join(f"{name} {values[name]!a:.80}" for name in key if name in values)
                return f"in its table {table} the row {named} has {found}, which ncap 0.1 did not write"
    return ""


def _possible(value: Any, kind: Any) -> bool:
    if kind is str:
        return isinstance(value, str) and value == value.encode(errors="ignore").decode()  # no bytes that are not UTF-8
    if kind is int:
        return isinstance(value, int) and value >= 0
    return value is None or (isinstance(value, float) and (kind is float or 0 <= value <= kind))


def _contradiction(row: dict[str, Any], readings: dict[str, str]) -> str:
    """What in a row of schema 1 does not agree with its job, "" where all does; a job is noted in `readings`."""
    if "hash" in row:
        try:
            parameters, environment = json.loads(row["parameters"]), json.loads(row["environment"])
            if not isinstance(environment, dict) or settings_hash(parameters)[0] != row["hash"]:
                return "parameters or an environment"
            readings[row["hash"]] = "/".join(parameters[name] for name in _OF_THE_READING[:3])
        except (ValueError, TypeError, KeyError, RecursionError):
            return "parameters or an environment"
        return ""
    if row["settings"] not in readings:
        return "settings of no job"
    return (
        f"reading {row['reading']!a:.80}"
        if row.get("reading", readings[row["settings"]]) != readings[row["settings"]]
        else ""
    )


def from_1_to_2(db: sqlite3.Connection) -> None:
    """Rewrite the tables of schema 1 as those of schema 2, inside the open transaction."""
    for table in ("settings", "observations", "failures", "bodies"):
        db.execute(f"ALTER TABLE {table} RENAME TO {table}_1")
    for statement in create_statements().values():
        db.execute(statement)
    jobs: dict[str, list[str]] = {}  # new hash -> the old hashes that it replaces
    rows = db.execute("SELECT hash, parameters, environment, first_used FROM settings_1 ORDER BY rowid").fetchall()
    for old, text, environment, first_used in rows:
        parameters = json.loads(text)
        reading = "/".join(str(parameters.get(name, "")) for name in _OF_THE_READING[:3])
        parameters = {name: value for name, value in parameters.items() if name not in _OF_THE_READING}
        new, text = settings_hash(parameters)
        if not all(_agree(db, old, other) for other in jobs.get(new, [])):
            new, text = settings_hash(parameters | {"apart": old})
        jobs.setdefault(new, []).append(old)
        job = {"hash": new, "parameters": text, "environment": environment, "first_used": first_used}
        db.execute(insert(SETTINGS), storable(SETTINGS, job))
        db.execute(insert(ALIASES), storable(ALIASES, {"alias": old, "settings": new, "reading": reading}))
    _move_rows(db)
    _seal(db)
    for table in ("settings", "observations", "failures", "bodies"):
        db.execute(f"DROP TABLE {table}_1")


def _agree(db: sqlite3.Connection, one: str, other: str) -> bool:
    """Whether two jobs trained alike: every epoch, failure and body that both have is the same to the last digit."""
    differing = " OR ".join(f"a.{name} IS NOT b.{name}" for name in _TRAINED)
    run = "a.target = b.target AND a.candidate = b.candidate AND a.run = b.run"
    both = f"b ON {run} {{}} WHERE a.settings = ? AND b.settings = ? AND"
    same = "c.settings = b.settings AND c.target = a.target AND c.candidate = a.candidate AND c.run = a.run"
    checks = (
        f"SELECT 1 FROM observations_1 a JOIN observations_1 {both.format('AND a.epoch = b.epoch')} ({differing})",
        f"SELECT 1 FROM bodies_1 a JOIN bodies_1 {both.format('')} a.fingerprint != b.fingerprint",
        # A failure may be due to the reading; it must not be passed on to a run that succeeded with another reading.
        f"SELECT 1 FROM failures_1 a JOIN bodies_1 {both.format('')} NOT EXISTS ("
        f"SELECT 1 FROM failures_1 c WHERE {same} AND c.epoch = a.epoch AND c.reason = a.reason)",
    )
    pairs = ((one, other), (other, one))
    return not any(db.execute(f"{check} LIMIT 1", pair).fetchone() for check in checks for pair in pairs)


def _move_rows(db: sqlite3.Connection) -> None:
    """Move the rows of schema 1 into the tables of schema 2, in the order in which they were written."""
    renamed = "FROM {0}_1 o JOIN aliases ON alias = o.settings ORDER BY o.rowid"
    key = "aliases.settings, o.target, o.candidate, o.run"
    values = {"tick": "o.epoch", "epoch": "CAST(o.epoch AS REAL)"} | {
        name: f"o.{name}" for name in (*_TRAINED, "seconds_train")
    }
    columns = [values[name] for name in OBSERVATIONS.names[4:]]
    source = renamed.format("observations")
    db.execute(f"INSERT OR IGNORE INTO observations SELECT {key}, {', '.join(columns)}, 0 {source}")
    values = {
        "tick": "o.epoch",
        "reading": "o.reading",
        "beta_eff": "o.beta_eff",
        "beta_eff_error": "o.beta_eff_error",
        "numerator": "NULL",
        "denominator": "NULL",
        "cancellation": "o.cancellation",
        "reason": "CASE WHEN o.degenerate THEN 'unknown' ELSE '' END",
        "n_samples": "0",
        "seconds": "o.seconds_beta",
    }
    columns = [values[name] for name in READINGS.names[4:]]
    db.execute(f"INSERT OR IGNORE INTO readings SELECT {key}, {', '.join(columns)}, 0 {source}")
    db.execute(f"INSERT OR IGNORE INTO failures SELECT {key}, o.epoch, o.reason, 0 {renamed.format('failures')}")
    db.execute(f"INSERT OR IGNORE INTO bodies SELECT {key}, o.fingerprint, 0 {renamed.format('bodies')}")


def _seal(db: sqlite3.Connection) -> None:
    """Give every row that was moved its checksum."""
    db.create_function("checksum_of", -1, lambda *values: checksum(values), deterministic=True)
    for name, table in TABLES.items():
        db.execute(f"UPDATE {name} SET checksum = checksum_of({', '.join(table.names)})")


# Schema version -> the function that migrates it to the next version.
MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {1: from_1_to_2}
