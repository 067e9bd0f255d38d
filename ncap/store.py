"""The table of observations, in SQLite: one row per epoch, and what it takes to train a job on.

The file keeps SQLite's rollback journal with synchronous=EXTRA: a committed epoch survives a power cut, two processes may write in
turn, and the store stays one file that can be copied. One transaction an epoch is far too rare for a write-ahead log to pay.
"""

import hashlib
import json
import math
import re
import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from ncap.arguments import path_text

if TYPE_CHECKING:
    import pandas as pd

APPLICATION_ID = 0x6E636170  # "ncap"
SCHEMA_VERSION = 1

# Column -> the Python type that is stored; NaN has no SQLite value and travels as NULL.
OBSERVATION: dict[str, type] = {
    "candidate": str,
    "target": str,
    "run": int,
    "epoch": int,
    "beta_eff": float,
    "beta_eff_error": float,
    "cancellation": float,
    "degenerate": bool,
    "train_accuracy": float,
    "train_loss": float,
    "val_accuracy": float,
    "val_loss": float,
    "test_accuracy": float,
    "seconds_train": float,
    "seconds_beta": float,
    "settings": str,
    "reading": str,
}
FAILURE: dict[str, type] = {"settings": str, "target": str, "candidate": str, "run": int, "epoch": int, "reason": str}

_SQL_TYPE = {str: "TEXT NOT NULL", int: "INTEGER NOT NULL", bool: "INTEGER NOT NULL", float: "REAL"}
_HEADER = b"SQLite format 3\x00"


def _columns(types: Mapping[str, type]) -> str:
    return ", ".join(f"{name} {_SQL_TYPE[kind]}" for name, kind in types.items())


_SCHEMA = (
    "CREATE TABLE settings (hash TEXT PRIMARY KEY, parameters TEXT NOT NULL, environment TEXT NOT NULL, first_used TEXT NOT NULL)",
    f"CREATE TABLE observations ({_columns(OBSERVATION)}, PRIMARY KEY (settings, target, candidate, run, epoch))",
    f"CREATE TABLE failures ({_columns(FAILURE)}, PRIMARY KEY (settings, target, candidate, run))",
    "CREATE TABLE bodies (settings TEXT, target TEXT, candidate TEXT, run INTEGER, fingerprint TEXT NOT NULL, "
    "PRIMARY KEY (settings, target, candidate, run))",
)


class UnusableStoreError(ValueError):
    """The file is not a store of this version of ncap, or cannot be read; it was left as it was."""


class StoreWriteError(OSError):
    """An epoch could not be written: disk full, or the file locked or read-only. What was committed before is safe."""

    @classmethod
    def at(cls, path: Path, error: Exception) -> "StoreWriteError":
        """The error that says what could not be written, and why."""
        reason = (isinstance(error, OSError) and error.strerror) or error
        return cls(
            f"{path}: could not be written ({reason}); the epochs committed before are safe: check the space, quota and "
            "permissions there and repeat the command to go on"
        )


class RunKey(NamedTuple):
    """What names one training run in a store."""

    settings: str
    target: str
    candidate: str
    run: int


class Store:
    """Observations, failures and settings of any number of jobs in one SQLite file.

    Args:
        path: of the file; its checkpoints lie beside it, `runs.db` -> `runs.db.checkpoints/`.
        create: whether a file that is not there is made; False also opens a read-only file.

    Raises: UnusableStoreError (a ValueError) for a file that is missing, foreign, newer or damaged, which is left untouched;
    StoreWriteError (an OSError) where a row cannot be written.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder, Store(pathlib.Path(folder) / "runs.db") as store:
    ...     key = RunKey(store.add_settings({"seed": 0}, {}), "digits", "mlp", 0)
    ...     row = dict.fromkeys(OBSERVATION, 0.5) | key._asdict() | {"epoch": 0, "degenerate": False, "reading": "explicit/signed/unit"}
    ...     store.add(row)
    ...     print(store.observations()[["candidate", "epoch", "beta_eff"]].values.tolist())
    [['mlp', 0, 0.5]]
    """

    def __init__(self, path: str | Path, create: bool = True) -> None:
        self.path = Path(path_text("store", path))
        if not self.path.name:
            raise UnusableStoreError(f"{self.path} is a folder; pass the path of a store, such as runs.db")
        self.checkpoints = self.path.with_name(f"{self.path.name}.checkpoints")
        _check_header(self.path, create)
        try:
            # isolation_level=None: transactions begin and end where this file says, not where the driver guesses.
            self._db = sqlite3.connect(self.path, timeout=60, isolation_level=None)
        except sqlite3.Error as error:
            raise UnusableStoreError(f"{self.path}: {error}; pass a path in a folder that can be written") from error
        try:
            self._check_pages()
            if create:
                self._prepare()
            else:
                self._query("SELECT 1 FROM observations LIMIT 1")
        except BaseException:
            self.close()
            raise

    def _check_pages(self) -> None:
        # A job would find a damaged page when it comes to it, hours later. 0.1 s for 100,000 rows.
        self._query("BEGIN")  # until COMMIT no other process changes the file
        ((verdict,),) = self._query("PRAGMA quick_check(1)")
        ((pages,),), ((page_size,),) = self._query("PRAGMA page_count"), self._query("PRAGMA page_size")
        if verdict == "ok" and self.path.stat().st_size < pages * page_size:
            verdict = "the file is cut off"  # within its last page, which SQLite fills up with zeros
        self._query("COMMIT")
        if verdict != "ok":
            raise UnusableStoreError(
                f"{self.path}: damaged ({' '.join(verdict.split())}), left untouched; restore a copy of it, or pass another path"
            )

    def _prepare(self) -> None:
        try:
            self._db.execute("PRAGMA synchronous = EXTRA")
            self._db.execute("BEGIN IMMEDIATE")
            fresh = self._db.execute("PRAGMA user_version").fetchone() == (0,)
            if fresh:
                for statement in _SCHEMA:
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            # Also finds out, before any training is spent on it, that file or folder cannot be written.
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            self._db.execute("COMMIT" if fresh else "ROLLBACK")
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                raise StoreWriteError.at(self.path, error) from error
            raise UnusableStoreError(
                f"{self.path}: cannot be used as a store ({error}); pass the path of a file that can be written, in such a folder"
            ) from error

    def close(self) -> None:
        """Close the file; the object is of no use afterwards."""
        self._db.close()

    def __enter__(self) -> "Store":
        """The store itself; it is closed at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    # settings

    def add_settings(self, parameters: Mapping[str, Any], environment: Mapping[str, Any]) -> str:
        """The hash of `parameters`, which is all that changes the numbers; `environment` is kept from the first use.

        Warns when a job goes on in another environment, such as with another version of Keras: its last digits may differ there.
        """
        text = json.dumps(parameters, sort_keys=True, separators=(",", ":"), allow_nan=False)
        settings = hashlib.sha256(text.encode()).hexdigest()[:12]
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._transaction() as db:
            db.execute(
                "INSERT INTO settings VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (settings, text, json.dumps(environment, sort_keys=True), now),
            )
        ((stored,),) = self._query("SELECT environment FROM settings WHERE hash = ?", (settings,))
        begun = json.loads(stored)
        changes = [
            f"{name} {begun.get(name)} -> {value}" for name, value in environment.items() if begun.get(name) != value
        ]
        if changes:
            warnings.warn(
                f"{self.path}: the job {settings} goes on in another environment ({'; '.join(changes)}); its last digits may differ",
                stacklevel=2,
            )
        return settings

    def jobs(self) -> list[dict[str, Any]]:
        """The jobs that have left something: settings, target, parameters, environment, first_used; the last written comes last."""
        rows = self._query(
            "SELECT hash, target, parameters, environment, first_used FROM settings JOIN ("
            "  SELECT settings, target, max(rowid) AS written, 1 AS seen FROM observations GROUP BY settings, target"
            "  UNION ALL SELECT settings, target, 0, 0 FROM failures GROUP BY settings, target"
            ") ON hash = settings GROUP BY hash, target ORDER BY max(seen), max(written)"
        )
        return [
            {
                "settings": settings,
                "target": target,
                "parameters": json.loads(parameters),
                "environment": json.loads(environment),
                "first_used": first_used,
            }
            for settings, target, parameters, environment, first_used in rows
        ]

    def job(self, settings: str | None = None, target: str | None = None) -> dict[str, Any]:
        """The job with these settings on this target, an entry of `jobs()`; of several the last written.

        Raises: ValueError with the jobs that there are.
        """
        jobs = self.jobs()
        fitting = [job for job in jobs if settings in (None, job["settings"]) and target in (None, job["target"])]
        if not fitting:
            held = ", ".join(f"{job['settings']} on {job['target']}" for job in jobs) or "none yet"
            wanted = " ".join(
                f"{name} {value!r}" for name, value in (("settings", settings), ("target", target)) if value is not None
            )
            raise ValueError(f"{self.path} holds no job {f'with {wanted}' if wanted else 'to report'}; it holds {held}")
        return fitting[-1]

    # observations

    def add(self, row: Mapping[str, Any]) -> None:
        """Commit one epoch; a row whose key is there already stays as it is."""
        self._insert("observations", OBSERVATION, row, "DO NOTHING")

    def observations(self, settings: str | None = None, target: str | None = None) -> "pd.DataFrame":
        """The rows of one job, or of all, sorted by settings, target, candidate, run, epoch."""
        import pandas as pd

        where, values = _where(settings=settings, target=target)
        rows = self._query(
            f"SELECT {', '.join(OBSERVATION)} FROM observations {where} ORDER BY settings, target, candidate, run, epoch",
            values,
        )
        return pd.DataFrame(rows, columns=list(OBSERVATION)).astype(OBSERVATION)

    def epochs(self, key: RunKey) -> set[int]:
        """The epochs of one run that are committed."""
        where, values = _where(**key._asdict())
        return {epoch for (epoch,) in self._query(f"SELECT epoch FROM observations {where}", values)}

    # failures

    def add_failure(self, key: RunKey, epoch: int, reason: str) -> None:
        """Commit that a run could not finish `epoch`; a later failure of the run replaces the earlier."""
        self._insert(
            "failures",
            FAILURE,
            {**key._asdict(), "epoch": epoch, "reason": reason},
            "DO UPDATE SET epoch = excluded.epoch, reason = excluded.reason",
        )

    def clear_failure(self, key: RunKey, epoch: int) -> None:
        """Forget the failure of a run that has finished `epoch`, if it had failed there or before."""
        where, values = _where(**key._asdict())
        with self._transaction() as db:
            db.execute(f"DELETE FROM failures {where} AND epoch <= ?", [*values, epoch])

    def failure(self, key: RunKey) -> tuple[int, str] | None:
        """The epoch that a run could not finish and the reason, or None for a run that has not failed."""
        where, values = _where(**key._asdict())
        return next(iter(self._query(f"SELECT epoch, reason FROM failures {where}", values)), None)

    def failures(self, settings: str | None = None, target: str | None = None) -> "pd.DataFrame":
        """The runs that failed: settings, target, candidate, run, epoch, reason."""
        import pandas as pd

        where, values = _where(settings=settings, target=target)
        rows = self._query(
            f"SELECT {', '.join(FAILURE)} FROM failures {where} ORDER BY settings, target, candidate, run", values
        )
        return pd.DataFrame(rows, columns=list(FAILURE)).astype(FAILURE)

    # bodies and checkpoints

    def check_body(self, key: RunKey, fingerprint: str) -> None:
        """Remember the body that a run starts from; raises ValueError when the same name stood for another one before."""
        with self._transaction() as db:
            db.execute("INSERT INTO bodies VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", (*key, fingerprint))
        where, values = _where(**key._asdict())
        ((stored,),) = self._query(f"SELECT fingerprint FROM bodies {where}", values)
        if stored != fingerprint:
            raise ValueError(
                f"the body of {key.candidate!r} is not the one that {self.path.name} has epochs of (fingerprint {fingerprint}, stored "
                f"{stored}); give it another name or use another store"
            )

    def checkpoint_path(self, key: RunKey) -> Path:
        """Where the newest checkpoint of a run lies; any candidate name makes a safe file name."""
        digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
        readable = re.sub(r"[^A-Za-z0-9_-]", "_", key.candidate)[:40]
        return self.checkpoints / key.settings / f"{readable}-{key.run}-{digest}.h5"

    # SQL

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:  # SQLite itself rolls back when the disk is full
                    self._db.execute("ROLLBACK")
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise UnusableStoreError(f"{self.path}: cannot be used as a store any more ({error})") from error
            raise StoreWriteError.at(self.path, error) from error

    def _insert(self, table: str, types: Mapping[str, type], row: Mapping[str, Any], on_conflict: str) -> None:
        if set(row) != set(types):
            raise ValueError(f"a row of {table} has the columns {list(types)}, got {list(row)}")
        key = (
            "(settings, target, candidate, run, epoch)"
            if table == "observations"
            else "(settings, target, candidate, run)"
        )
        places = ", ".join("?" * len(types))
        with self._transaction() as db:
            db.execute(
                f"INSERT INTO {table} ({', '.join(types)}) VALUES ({places}) ON CONFLICT {key} {on_conflict}",
                [_storable(row[name], kind) for name, kind in types.items()],
            )

    def _query(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise UnusableStoreError(f"{self.path}: cannot be read as a store ({error})") from error


def _storable(value: Any, kind: type) -> Any:
    # SQLite knows no numpy scalars, and reads NaN as NULL; saying so here keeps NULL out of the columns that are not floats.
    value = kind(value)
    return None if kind is float and math.isnan(value) else value


def _where(**equal: Any) -> tuple[str, tuple[Any, ...]]:
    given = {name: value for name, value in equal.items() if value is not None}
    clause = " AND ".join(f"{name} = ?" for name in given)
    return (f"WHERE {clause}" if clause else ""), tuple(given.values())


def _check_header(path: Path, create: bool) -> None:
    # Read as bytes: connecting to a foreign database could already roll back its journal.
    if not path.exists():
        if create:
            return
        raise UnusableStoreError(f"{path}: no such store; `ncap rank --store {path}` makes one")
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except OSError as error:
        raise UnusableStoreError(f"{path}: cannot be read ({error.strerror}); pass the path of a store") from error
    if not header and create:
        return  # a store whose first transaction never came to its end
    application, version = int.from_bytes(header[68:72]), int.from_bytes(header[60:64])
    if header[:16] != _HEADER or application != APPLICATION_ID:
        raise UnusableStoreError(f"{path}: not an ncap store, left untouched; pass another path")
    if version > SCHEMA_VERSION:
        raise UnusableStoreError(
            f"{path}: written by a newer ncap (schema {version}, this one reads up to {SCHEMA_VERSION}), left untouched; update ncap"
        )
