"""The store: the records of any number of jobs in one SQLite file, and what is needed to resume a job.

It uses SQLite's rollback journal with synchronous=EXTRA: a committed tick survives a power cut, two processes can take turns writing, and
the store remains a single file that can be copied. One transaction per tick is far too rare for a write-ahead log to pay off.
"""

import hashlib
import json
import os
import re
import sqlite3
import stat
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ncap.arguments import path_text
from ncap.records import integrity, migrations
from ncap.records.candidate_facts import KEY as CANDIDATES
from ncap.records.schema import FAILURES, OBSERVATIONS, READINGS, RECORDS, SCORES, RunKey, Table
from ncap.records.sql import BODIES, SETTINGS, create_statements, insert, storable, where

if TYPE_CHECKING:
    import pandas as pd

    from ncap.records.tables import Records

APPLICATION_ID = 0x6E636170  # "ncap"
SCHEMA_VERSION = 2

# How a job was asked for last: the settings of the job that it was trained as a part of, with smaller batches; the seconds of a candidate
# and of a run, where they ended the training; the wanted error of its readings.
ASKED = ("halved_from", "budget", "seconds_per_run", "error")

_HEADER = b"SQLite format 3\x00"
_PATIENCE = 60  # seconds that another program may hold the file
_LOOK = 0.5  # seconds between two looks whether it still does, and whether Ctrl-C was pressed
_STEPS = 100_000  # instructions of SQLite, some milliseconds, between two moments in which Python can answer a Ctrl-C


class UnusableStoreError(ValueError):
    """The file is not a store that this version of ncap can read; it was left untouched."""


class StoreWriteError(OSError):
    """An epoch could not be written, because the disk is full or the file locked or read-only. Earlier commits are safe."""

    @classmethod
    def at(cls, path: Path, error: Exception) -> "StoreWriteError":
        """An error that says what could not be written, and why."""
        reason = (isinstance(error, OSError) and error.strerror) or error
        return cls(
            f"{path}: could not be written ({reason}); the epochs committed before are safe: check the space, quota and "
            "permissions there and repeat the command to continue"
        )


class Store:
    """Records, failures and settings of any number of jobs in one SQLite file.

    Args:
        path: path of the file; its checkpoints lie beside it, `runs.db` -> `runs.db.checkpoints/`.
        create: whether to create a missing file; with False, a read-only file can be opened too.

    A store of an older version is migrated to the present schema when it is opened, with a copy kept beside it (`runs.db.v1`). If it
    cannot be written, it is migrated in memory and the file stays as it is.

    Raises: UnusableStoreError (a ValueError) for a file that is missing, foreign, newer or damaged, which is left untouched;
    StoreWriteError (an OSError) if a row cannot be written.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder, Store(pathlib.Path(folder) / "runs.db") as store:
    ...     key = RunKey(store.add_settings({"seed": 0}, {}), "digits", "mlp", 0)
    ...     observation = dict.fromkeys(OBSERVATIONS.names[4:], 0.5) | {"tick": 1}
    ...     reading = dict.fromkeys(READINGS.names[4:], 0.5) | {"tick": 1, "reading": "explicit/magnitude/unit", "reason": ""}
    ...     _ = store.add(key, observation, [reading])
    ...     store.records().readings[["candidate", "tick", "beta_eff"]].values.tolist()
    [['mlp', 1, 0.5]]
    """

    def __init__(self, path: str | Path, create: bool = True) -> None:
        self.path = Path(path_text("store", path))
        if not self.path.name:
            raise UnusableStoreError(f"{self.path} is a folder; pass the path of a store, such as runs.db")
        # What lies beside the file is found by every name that the file has.
        self._file = Path(os.path.realpath(self.path))
        self.checkpoints = self._file.with_name(f"{self._file.name}.checkpoints")
        _check_header(self.path, create)
        try:
            # isolation_level=None: this module begins and ends transactions, not the driver.
            self._db = sqlite3.connect(self.path, timeout=_LOOK, isolation_level=None)
        except sqlite3.Error as error:
            raise UnusableStoreError(f"{self.path}: {error}; pass a path in a writable folder") from error
        self._db.set_progress_handler(lambda: 0, _STEPS)
        try:
            self._check()
            if create:
                self._prepare()
            elif self._version() < SCHEMA_VERSION:
                self._prepare() if self._writable() else self._migrate_in_memory()
        except BaseException:
            self.close()
            raise

    def _check(self) -> None:
        """Refuse a file that is damaged, or that is not what ncap makes: a job would find that out hours later, or never."""
        self._query("BEGIN")  # no other process can change the file until COMMIT
        version = self._version()
        try:
            found = integrity.damage(self._db, self.path)
            if not found and version:
                if foreign := integrity.foreign_part(self._db, version):
                    raise UnusableStoreError(
                        f"{self.path}: cannot be read as a store: {foreign}; left untouched, pass another path"
                    )
                found = integrity.changed_row(self._db, version)
        except _FAULTS as error:
            raise self._unreadable(error) from error
        self._query("COMMIT")
        if found:
            raise UnusableStoreError(
                f"{self.path}: damaged ({found}), left untouched; restore a copy, or pass another path"
            )

    def _version(self) -> int:
        ((version,),) = self._query("PRAGMA user_version")
        return int(version)

    def _writable(self) -> bool:
        return os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)

    def _prepare(self) -> None:
        """Create the tables of a new file, migrate an older one, and check before any training that it can be written."""
        try:
            self._db.execute("PRAGMA synchronous = EXTRA")
            self._execute("BEGIN IMMEDIATE")
            version = self._version()  # inside the transaction: another process may have migrated it meanwhile
            if version == 0:
                for statement in create_statements().values():
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            elif version < SCHEMA_VERSION:
                before = self._db.serialize()
                self._migrate(version)
                migrations.keep_copy(self._file, before, version)  # of one that can be migrated
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            self._execute("ROLLBACK" if version == SCHEMA_VERSION else "COMMIT")
        except FileExistsError as error:
            raise UnusableStoreError(f"{self.path}: written by an older ncap and left untouched: {error}") from error
        except OSError as error:
            raise StoreWriteError.at(self.path, error) from error
        except sqlite3.Error as error:
            if _code(error) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                raise StoreWriteError.at(self.path, error) from error
            if _code(error) in _LOCKED or _code(error) == sqlite3.SQLITE_INTERRUPT:
                raise self._unreadable(error) from error
            raise UnusableStoreError(
                f"{self.path}: cannot be used as a store ({error}); pass the path of a writable file in a writable folder"
            ) from error

    def _migrate(self, version: int) -> None:
        for step in range(version, SCHEMA_VERSION):
            migrations.MIGRATIONS[step](self._db)

    def _migrate_in_memory(self) -> None:
        on_disk, self._db = self._db, sqlite3.connect(":memory:", isolation_level=None)
        try:
            on_disk.backup(self._db)
            self._migrate(self._version())
        except sqlite3.Error as error:
            raise UnusableStoreError(f"{self.path}: cannot be read as a store ({error})") from error
        finally:
            on_disk.close()

    def close(self) -> None:
        """Close the file; the object cannot be used afterwards."""
        self._db.close()

    def __enter__(self) -> "Store":
        """The store itself, which is closed at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    # settings

    def add_settings(self, parameters: Mapping[str, Any], environment: Mapping[str, Any]) -> str:
        """The hash of `parameters`, which is everything that changes the numbers; the `environment` of the first use is kept.

        Warns if a job continues in another environment, such as another version of Keras, where its last digits may differ.
        """
        settings, text = migrations.settings_hash(dict(parameters))
        now = datetime.now(UTC).isoformat(timespec="seconds")
        row = {"hash": settings, "parameters": text, "environment": json.dumps(environment, sort_keys=True)}
        self._write([(insert(SETTINGS), storable(SETTINGS, row | {"first_used": now}))])
        ((stored,),) = self._query("SELECT environment FROM settings WHERE hash = ?", (settings,))
        if changes := _changes(json.loads(stored), environment):
            warnings.warn(
                f"{self.path}: the job {settings} continues in another environment ({changes}); its last digits may differ",
                stacklevel=2,
            )
        return settings

    def ask(self, settings: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Keep how a job has been asked for this time, and return how it was the time before: the names in ASKED that applied.

        None stands for what does not apply. Nothing of it changes what training does, and it may differ from call to call.
        """
        query = f"SELECT {', '.join(SETTINGS.names)} FROM settings WHERE hash = ?"
        now = {name: value for name, value in asked.items() if value is not None}
        with self._transaction() as db:
            row = dict(zip(SETTINGS.names, db.execute(query, (settings,)).fetchone(), strict=True))
            environment = json.loads(row["environment"])
            before = {name: environment.pop(name) for name in ASKED if name in environment}
            if now != before:
                text = json.dumps(environment | now, sort_keys=True)
                db.execute(insert(SETTINGS, replace=True), storable(SETTINGS, row | {"environment": text}))
        return before

    def candidate_facts(self, settings: str) -> dict[str, Any]:
        """What is known of the candidates of a job, as `CandidateFacts.values` gives it; {} for a job of an older version."""
        rows = self._query("SELECT environment FROM settings WHERE hash = ?", (settings,))
        return next((_facts_of(json.loads(environment)) for (environment,) in rows), {})

    def add_candidate_facts(self, settings: str, facts: Mapping[str, Mapping[str, Any]]) -> None:
        """Commit what is known of some candidates of a job; of the same candidate, later facts replace earlier ones."""
        with self._transaction() as db:
            _add_facts(db, settings, facts)

    def jobs(self) -> list[dict[str, Any]]:
        """The jobs that have any rows, the last written last: settings, target, parameters, environment, first_used.

        Those that were trained as a part of another, with smaller batches, come before all others: nobody has asked for them.
        """
        rows = self._query(
            "SELECT hash, target, parameters, environment, first_used FROM settings JOIN ("
            "  SELECT settings, target, max(rowid) AS written, 1 AS seen FROM observations GROUP BY settings, target"
            "  UNION ALL SELECT settings, target, 0, 0 FROM failures GROUP BY settings, target"
            ") ON hash = settings GROUP BY hash, target ORDER BY max(seen), max(written)"
        )
        jobs = [
            {
                "settings": settings,
                "target": target,
                "parameters": json.loads(parameters),
                "environment": json.loads(environment),
                "first_used": first_used,
            }
            for settings, target, parameters, environment, first_used in rows
        ]
        return sorted(jobs, key=lambda job: "halved_from" not in job["environment"])

    def summary(self) -> "pd.DataFrame":
        """One row per job, the last written last: which it is, what the store holds of it, and how its parameters differ.

        checkpoint_mb: the size of its runs' checkpoints, in 10^6 bytes.
        """
        import pandas as pd

        jobs, lines = self.jobs(), []
        for job in jobs:
            records = self.records(job["settings"], job["target"])
            observations = records.observations
            lines.append(
                {
                    "settings": job["settings"],
                    "target": job["target"],
                    "first_used": job["first_used"],
                    "candidates": len(records.candidates),
                    "runs": len(records.runs()),
                    "ticks": len(observations),
                    "failures": len(records.failures),
                    "checkpoint_mb": sum(map(self.checkpoint_bytes, records.runs())) / 1e6,
                    "readings": ", ".join(dict.fromkeys(records.readings["reading"])),
                    "parameters": _differing(job["parameters"], [other["parameters"] for other in jobs]),
                }
            )
        return pd.DataFrame(lines, columns=_SUMMARY)

    def job(self, settings: str | None = None, target: str | None = None) -> dict[str, Any]:
        """The job with these settings on this target, an entry of `jobs()`; if there are several, the last written.

        The hash that a job had under ncap 0.1 still works. Raises: ValueError, which lists the jobs in the store.
        """
        jobs, alias = self.jobs(), dict(self._query("SELECT alias, settings FROM aliases"))
        wanted = alias.get(settings, settings)
        fitting = [job for job in jobs if wanted in (None, job["settings"]) and target in (None, job["target"])]
        if not fitting:
            held = ", ".join(f"{job['settings']} on {job['target']}" for job in jobs) or "none yet"
            words = " ".join(
                f"{name} {value!r}" for name, value in (("settings", settings), ("target", target)) if value is not None
            )
            raise ValueError(f"{self.path} holds no job {f'with {words}' if words else 'to report'}; it holds {held}")
        return fitting[-1]

    def aliases(self, settings: str) -> dict[str, str]:
        """The hashes that a job had under ncap 0.1, with the reading that was part of each."""
        return dict(self._query("SELECT alias, reading FROM aliases WHERE settings = ? ORDER BY rowid", (settings,)))

    # records

    def records(self, settings: str | None = None, target: str | None = None) -> "Records":
        """The tables of one job; None takes the last written. Raises ValueError, which lists the jobs in the store."""
        from ncap.records.tables import Records

        job = self.job(settings, target)
        named = {"settings": job["settings"], "target": job["target"]}
        clause, values = where(**named)
        first = self._query(f"SELECT reading FROM readings {clause} ORDER BY rowid LIMIT 1", values)
        # The hash of a 0.1 job also identifies its reading.
        first_reading = self.aliases(job["settings"]).get(settings or "") or "".join(name for (name,) in first)
        return Records(
            observations=self.table(OBSERVATIONS, **named),
            readings=self.table(READINGS, **named),
            scores=self.table(SCORES, **named),
            failures=self.table(FAILURES, **named),
            **named,
            first_reading=first_reading,
            facts={"settings": job["settings"], "store": str(self.path), **job["parameters"], **job["environment"]},
        )

    def table(self, table: Table, **equal: Any) -> "pd.DataFrame":
        """The rows of one table, for one job or for all, sorted by key; the readings of a tick are in the job's order."""
        import pandas as pd

        clause, values = where(**equal)
        order = ", ".join([*(name for name in table.key if name != "reading"), "rowid"])
        rows = self._query(f"SELECT {', '.join(table.names)} FROM {table.name} {clause} ORDER BY {order}", values)
        return pd.DataFrame(rows, columns=list(table.names)).astype(table.types)

    def add(
        self, key: RunKey, observation: Mapping[str, Any], readings: Sequence[Mapping[str, Any]], body: str = ""
    ) -> dict[str, Any]:
        """Commit one tick of a run, and the fingerprint of the body that the run started from; existing rows stay as they are.

        Returns: the observation that the store now holds.
        """
        named = key._replace(run=int(key.run))._asdict()
        rows = [(OBSERVATIONS, {**named, **observation}), *((READINGS, {**named, **reading}) for reading in readings)]
        statements: list[tuple[str, Sequence[Any]]] = [(insert(table), storable(table, row)) for table, row in rows]
        if body:
            statements.append((insert(BODIES), storable(BODIES, {**named, "fingerprint": body})))
        self._write(statements)
        clause, values = where(**named, tick=int(observation["tick"]))
        (kept,) = self._query(f"SELECT {', '.join(OBSERVATIONS.names)} FROM observations {clause}", values)
        return dict(zip(OBSERVATIONS.names, kept, strict=True))

    def add_scores(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Commit scores; later values replace earlier ones."""
        self._write([(insert(SCORES, replace=True), storable(SCORES, dict(row))) for row in rows])

    def merge(self, tables: "Mapping[str, tuple[Table, pd.DataFrame]]") -> dict[str, int]:
        """Commit rows of several tables at once, and return how many of each are new.

        A failure that the run has got past on the other side is forgotten, as it would be had the run gone on here.

        A job that began on another machine keeps the environment that it has here, with a warning where that differs, and gets the facts
        of candidates that are new here.

        Raises: ValueError for a row that the store has with other values, for one of a job that neither has, and for a reading of a tick
        that neither has observed; nothing is written in that case.
        """
        added = {}
        with self._transaction() as db:
            for name, (table, rows) in self._without_overtaken(db, tables).items():
                added[name] = 0
                for row in rows.to_dict("records"):
                    values = storable(table, {str(name): value for name, value in row.items()})
                    if db.execute(insert(table), values).rowcount:
                        added[name] += 1
                    else:
                        self._check_equal(db, table, values)
            self._check_jobs(db)
            self._check_readings(db)
        return added

    def _without_overtaken(
        self, db: sqlite3.Connection, tables: "Mapping[str, tuple[Table, pd.DataFrame]]"
    ) -> "dict[str, tuple[Table, pd.DataFrame]]":
        """The tables without the failures that a run of the store has got past; those of the store that theirs have, are deleted."""
        theirs = {name: rows for name, (_, rows) in tables.items()}
        observed, failed = (theirs.get(table.name, table.empty()) for table in (OBSERVATIONS, FAILURES))
        run = list(RunKey._fields)
        reached: dict[RunKey, float] = {
            RunKey(*key): epoch
            for *key, epoch in observed.groupby(run)["epoch"].max().reset_index().to_numpy().tolist()
        }
        known = {RunKey(*key) for key in failed[run].to_numpy().tolist()}
        ours = {RunKey(*key): epoch for *key, epoch in db.execute(f"SELECT {', '.join(run)}, epoch FROM failures")}
        for key, epoch in ours.items():
            if key not in known and reached.get(key, 0) >= epoch:
                db.execute(*_statement("DELETE FROM failures {}", key))
        kept = []
        for *fields, epoch in failed[[*run, "epoch"]].to_numpy().tolist():
            key = RunKey(*fields)
            ((here,),) = db.execute(*_statement("SELECT max(epoch) FROM observations {}", key))
            kept.append(key in ours or here is None or here < epoch)
        return {name: (table, rows[kept] if name == FAILURES.name else rows) for name, (table, rows) in tables.items()}

    def _check_equal(self, db: sqlite3.Connection, table: Table, values: list[Any]) -> None:
        # Where and when a job was first used is not what it is: its hash and parameters are.
        compared = table.names if table.name != SETTINGS.name else ("hash", "parameters")
        given = dict(zip(table.names, values, strict=False))
        same = " AND ".join(f"{name} IS ?" for name in compared)
        if not db.execute(f"SELECT 1 FROM {table.name} WHERE {same}", [given[name] for name in compared]).fetchone():
            row = ", ".join(map(str, values[: table.keys]))
            raise ValueError(
                f"{self.path}: its table {table.name} has {row} with other values; nothing was imported: import into a different store"
            )
        if table.name == SETTINGS.name:
            self._warn_of_environment(db, given)
            _add_facts(db, given["hash"], _facts_of(json.loads(given["environment"])), replace=False)

    def _check_jobs(self, db: sqlite3.Connection) -> None:
        """Raise ValueError for a job that is not what its hash says, and for records of no job, which no report would show."""
        for settings, parameters, environment in db.execute("SELECT hash, parameters, environment FROM settings"):
            try:
                sound = migrations.settings_hash(json.loads(parameters))[0] == settings
                sound = sound and isinstance(json.loads(environment), dict)
            except (ValueError, RecursionError):
                sound = False
            if not sound:
                raise ValueError(
                    f"settings: the row of {settings!a:.80} has parameters or an environment that no job of this hash has; nothing was "
                    "imported: export it again"
                )
        for table in RECORDS:
            query = f"SELECT settings FROM {table.name} WHERE settings NOT IN (SELECT hash FROM settings) LIMIT 1"
            for (settings,) in db.execute(query):
                raise ValueError(
                    f"{table.name}: rows of the job {settings!a:.80}, which is not in the table settings; nothing was imported: pass a "
                    "folder with settings as well"
                )

    def _check_readings(self, db: sqlite3.Connection) -> None:
        """Raise ValueError for readings of a tick that was not observed: rows were lost or renamed, and no rule would read them."""
        tick = ", ".join(OBSERVATIONS.key)
        query = f"SELECT {tick} FROM readings EXCEPT SELECT {tick} FROM observations LIMIT 1"
        for row in db.execute(query):
            raise ValueError(
                f"readings: the tick {', '.join(map(ascii, row)):.200} is not in the table observations; nothing was imported: pass a "
                "folder with its observations as well"
            )

    def _warn_of_environment(self, db: sqlite3.Connection, given: Mapping[str, Any]) -> None:
        ((stored,),) = db.execute("SELECT environment FROM settings WHERE hash = ?", (given["hash"],))
        if changes := _changes(json.loads(stored), json.loads(given["environment"])):
            warnings.warn(
                f"{self.path}: of the job {given['hash']}, what was imported comes from another environment ({changes}); last digits may "
                "differ between candidates",
                stacklevel=2,
            )

    def done(self, key: RunKey, readings: Sequence[str]) -> int:
        """How many ticks of a run are recorded with all of these readings, counted from the first up to a gap."""
        clause, values = where(**key._asdict())
        marks = ", ".join("?" * len(readings))
        rows = self._query(
            f"SELECT tick FROM observations {clause} AND (SELECT count(*) FROM readings r WHERE r.settings = observations.settings AND "
            "r.target = observations.target AND r.candidate = observations.candidate AND r.run = observations.run AND "
            f"r.tick = observations.tick AND r.reading IN ({marks})) = ? ORDER BY tick",
            (*values, *readings, len(readings)),
        )
        complete = 0
        for (tick,) in rows:
            if tick != complete + 1:
                break
            complete = tick
        return complete

    def seconds(self, key: RunKey) -> list[float]:
        """Per recorded tick of a run, in order, the seconds of its training and of its readings; what is not known counts as 0."""
        clause, values = where(**key._asdict())
        rows = self._query(
            "SELECT coalesce(seconds_train, 0) + coalesce((SELECT sum(r.seconds) FROM readings r WHERE r.settings = observations.settings "
            "AND r.target = observations.target AND r.candidate = observations.candidate AND r.run = observations.run AND "
            f"r.tick = observations.tick), 0) FROM observations {clause} ORDER BY tick",
            values,
        )
        return [float(seconds) for (seconds,) in rows]

    # failures

    def add_failure(self, key: RunKey, epoch: int, reason: str) -> None:
        """Commit that a run could not finish `epoch`; a later failure of the run replaces an earlier one."""
        row = storable(FAILURES, {**key._asdict(), "epoch": epoch, "reason": reason})
        self._write([(insert(FAILURES, replace=True), row)])

    def clear_failure(self, key: RunKey, epoch: int) -> None:
        """Forget the failure of a run that has now finished `epoch`, if it had failed at or before it."""
        clause, values = where(**key._asdict())
        self._write([(f"DELETE FROM failures {clause} AND epoch <= ?", [*values, epoch])])

    def failure(self, key: RunKey) -> tuple[int, str] | None:
        """The epoch that a run could not finish, and the reason; None for a run that has not failed."""
        clause, values = where(**key._asdict())
        return next(iter(self._query(f"SELECT epoch, reason FROM failures {clause}", values)), None)

    # bodies and checkpoints

    def body(self, key: RunKey) -> str:
        """The fingerprint of the body that a run starts from; "" if none is known."""
        clause, values = where(**key._asdict())
        return "".join(stored for (stored,) in self._query(f"SELECT fingerprint FROM bodies {clause}", values))

    def checkpoint_path(self, key: RunKey) -> Path:
        """The path of a run's newest checkpoint; any candidate name gives a safe file name."""
        digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
        readable = re.sub(r"[^A-Za-z0-9_-]", "_", key.candidate)[:40]
        return self.checkpoints / key.settings / f"{readable}-{key.run}-{digest}.h5"

    def checkpoint_paths(self, key: RunKey) -> list[Path]:
        """The paths where a run's checkpoint may be: its own first, then those that it had under ncap 0.1."""
        own = (key.settings, *self.aliases(key.settings))
        return [self.checkpoint_path(key._replace(settings=settings)) for settings in own]

    def lock_path(self, key: RunKey) -> Path:
        """The file that a process locks while it trains the run."""
        return self.checkpoint_path(key).with_suffix(".lock")

    def checkpoint_bytes(self, key: RunKey) -> int:
        """The size of a run's checkpoint; 0 where there is none."""
        return sum(path.stat().st_size for path in self.checkpoint_paths(key) if path.is_file())

    # SQL

    def _write(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> None:
        """Execute all statements or none, in one transaction."""
        with self._transaction() as db:
            for statement, values in statements:
                db.execute(statement, tuple(values))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._execute("COMMIT")
            finally:
                if self._db.in_transaction:  # when the disk is full, SQLite has rolled back already
                    self._db.execute("ROLLBACK")
        except sqlite3.Error as error:
            if _code(error) == sqlite3.SQLITE_INTERRUPT:
                raise KeyboardInterrupt from error
            if _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise UnusableStoreError(f"{self.path}: can no longer be used as a store ({error})") from error
            raise StoreWriteError.at(self.path, error) from error

    def _query(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._execute(statement, values).fetchall()
        except _FAULTS as error:
            raise self._unreadable(error) from error

    def _execute(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Execute a statement, and wait where another program holds the file; SQLite's own wait would not hear a Ctrl-C."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return self._db.execute(statement, values)
            except sqlite3.Error as error:
                if _code(error) not in _LOCKED or time.monotonic() >= deadline:
                    raise

    def _unreadable(self, error: Exception) -> BaseException:
        if _code(error) == sqlite3.SQLITE_INTERRUPT:  # what became of a KeyboardInterrupt inside SQLite
            return KeyboardInterrupt()
        if _code(error) in _LOCKED:
            return UnusableStoreError(
                f"{self.path}: locked by another program, for more than {_PATIENCE} s; repeat the command when that one is done"
            )
        return UnusableStoreError(
            f"{self.path}: cannot be read as a store ({str(error) or 'a row needs more memory than there is'})"
        )


# SQLite's message may quote what is damaged; and a damaged page may promise a row of any size.
_FAULTS = (sqlite3.Error, UnicodeDecodeError, MemoryError)
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _code(error: Exception) -> int:
    """SQLite's primary result code; 0 where the driver itself found the fault, such as a text that is not UTF-8."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


_SUMMARY = [
    "settings",
    "target",
    "first_used",
    "candidates",
    "runs",
    "ticks",
    "failures",
    "checkpoint_mb",
    "readings",
    "parameters",
]


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs between two environments, in words."""
    return "; ".join(
        f"{name} {before.get(name)} -> {value}"
        for name, value in now.items()
        if before.get(name) != value and name not in (CANDIDATES, *ASKED)
    )


def _facts_of(environment: Any) -> dict[str, Any]:
    """The facts of candidates in a job's environment; {} where there are none, or not in that form."""
    facts = environment.get(CANDIDATES) if isinstance(environment, dict) else None
    return facts if isinstance(facts, dict) else {}


def _add_facts(db: sqlite3.Connection, settings: str, facts: Mapping[str, Any], replace: bool = True) -> None:
    """Write the facts of candidates beside the environment of a job that the store has, inside the open transaction."""
    query = f"SELECT {', '.join(SETTINGS.names)} FROM settings WHERE hash = ?"
    row = dict(zip(SETTINGS.names, db.execute(query, (settings,)).fetchone(), strict=True))
    environment = json.loads(row["environment"])
    before = _facts_of(environment)
    after = {**before, **facts} if replace else {**facts, **before}
    if after != before:
        text = json.dumps(environment | {CANDIDATES: after}, sort_keys=True)
        db.execute(insert(SETTINGS, replace=True), storable(SETTINGS, row | {"environment": text}))


def _statement(text: str, key: RunKey) -> tuple[str, tuple[Any, ...]]:
    """A statement about one run, whose {} stands for the clause that selects its rows, with the values of the clause."""
    clause, values = where(**key._asdict())
    return text.format(clause), values


def _differing(parameters: dict[str, Any], others: Sequence[dict[str, Any]]) -> str:
    """The parameters in which a job differs from any other, in words; without the data's fingerprint, which tells a person nothing."""
    shown = {name: value for name, value in parameters.items() if any(other.get(name) != value for other in others)}
    return ", ".join(f"{name} {value}" for name, value in sorted(shown.items()) if name != "target")


def _check_header(path: Path, create: bool) -> None:
    # Read as bytes: merely connecting to a foreign database could roll back its journal.
    if not path.exists():
        if create:
            return
        raise UnusableStoreError(f"{path}: no such store; `ncap rank --store {path}` makes one")
    try:
        if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise UnusableStoreError(
                f"{path}: not a file; pass the path of a store, such as runs.db"
            )  # a pipe would be waited for
        with path.open("rb") as file:
            header = file.read(100)
    except OSError as error:
        raise UnusableStoreError(f"{path}: cannot be read ({error.strerror}); pass the path of a store") from error
    if not header and create:
        return  # a store whose first transaction was never completed
    application, version = int.from_bytes(header[68:72]), int.from_bytes(header[60:64])
    if header[:16] != _HEADER or application != APPLICATION_ID:
        raise UnusableStoreError(f"{path}: not an ncap store, left untouched; pass another path")
    if not 0 < version <= SCHEMA_VERSION:
        raise UnusableStoreError(
            f"{path}: written by {'a newer' if version > SCHEMA_VERSION else 'an unknown'} ncap (schema {version}, this one reads 1 to "
            f"{SCHEMA_VERSION}), left untouched; update ncap, or pass another path"
        )
    if 2 in header[18:20]:
        # Reading it would make files beside it, and closing it would move its log into it.
        remedy = f"import sqlite3; sqlite3.connect({os.fspath(path)!a}).execute('PRAGMA journal_mode = DELETE')"
        raise UnusableStoreError(
            f"{path}: another program has set it to SQLite's WAL mode, in which ncap opens no store; left untouched. Close that "
            f'program and set it back: python -c "{remedy}"'
        )
