"""Migration of older stores to the present schema, in one transaction, with a copy of the old file kept beside the store.

Schema 1 (ncap 0.1) had one table of epochs, each with a single reading that was part of the settings. Schema 2 keeps observations, readings
and scores in separate tables, so that settings say what training does, not what is read. Jobs of schema 1 that differ only in the reading
become one job if their accuracies agree; if not, the later one keeps its own rows under its own hash.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ncap.records.schema import OBSERVATIONS, READINGS
from ncap.records.sql import create_statements

# Parts of the settings in schema 1 that change only what is read.
_OF_THE_READING = ("interaction", "strength", "weighting", "beta_samples")
_TRAINED = ("train_accuracy", "train_loss", "val_accuracy", "val_loss", "test_accuracy")


def settings_hash(parameters: dict[str, Any]) -> tuple[str, str]:
    """The hash that names a job's settings, and the JSON text that it is computed from."""
    text = json.dumps(parameters, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12], text


def keep_copy(path: Path, db: sqlite3.Connection, version: int) -> Path:
    """Copy a store to STORE.v<version> beside it. The caller must hold SQLite's lock, so that the file does not change.

    The bytes come from SQLite itself: opening and closing the file once more would drop the lock (POSIX locks belong to the process).

    Raises: OSError if the copy cannot be written; FileExistsError if a different file has that name.
    """
    copy, content = path.with_name(f"{path.name}.v{version}"), db.serialize()
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


def from_1_to_2(db: sqlite3.Connection) -> None:
    """Rewrite the tables of schema 1 as those of schema 2, inside the open transaction."""
    for table in ("settings", "observations", "failures", "bodies"):
        db.execute(f"ALTER TABLE {table} RENAME TO {table}_1")
    for statement in create_statements():
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
        db.execute(
            "INSERT INTO settings VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", (new, text, environment, first_used)
        )
        db.execute("INSERT INTO aliases VALUES (?, ?, ?)", (old, new, reading))
    _move_rows(db)
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
    db.execute(f"INSERT OR IGNORE INTO observations SELECT {key}, {', '.join(columns)} {source}")
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
    db.execute(f"INSERT OR IGNORE INTO readings SELECT {key}, {', '.join(columns)} {source}")
    db.execute(f"INSERT OR IGNORE INTO failures SELECT {key}, o.epoch, o.reason {renamed.format('failures')}")
    db.execute(f"INSERT OR IGNORE INTO bodies SELECT {key}, o.fingerprint {renamed.format('bodies')}")


# Schema version -> the function that migrates it to the next version.
MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {1: from_1_to_2}
