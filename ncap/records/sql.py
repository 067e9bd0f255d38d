"""The tables of a store in SQL, derived from the schema."""

import math
from typing import Any

from ncap.records.schema import RECORDS, Table

_SQL_TYPE = {str: "TEXT NOT NULL", int: "INTEGER NOT NULL", bool: "INTEGER NOT NULL", float: "REAL"}

# What a store keeps beside the records: jobs, by the hash of their settings; the body that each run started from; and the hashes that jobs
# had under an older version, with the reading that was part of them.
BOOKKEEPING = {
    "settings": "hash TEXT PRIMARY KEY, parameters TEXT NOT NULL, environment TEXT NOT NULL, first_used TEXT NOT NULL",
    "bodies": "settings TEXT, target TEXT, candidate TEXT, run INTEGER, fingerprint TEXT NOT NULL, "
    "PRIMARY KEY (settings, target, candidate, run)",
    "aliases": "alias TEXT PRIMARY KEY, settings TEXT NOT NULL, reading TEXT NOT NULL",
}


def create_statements() -> list[str]:
    """One CREATE TABLE statement per table."""
    tables = {table.name: f"{_columns(table)}, PRIMARY KEY ({', '.join(table.key)})" for table in RECORDS}
    return [f"CREATE TABLE {name} ({columns})" for name, columns in (tables | BOOKKEEPING).items()]


def column_names() -> dict[str, tuple[str, ...]]:
    """The column names of every table in a store, in order."""
    kept = {name: tuple(_bookkept(columns)) for name, columns in BOOKKEEPING.items()}
    return {table.name: table.names for table in RECORDS} | kept


def insert(table: Table, on_conflict: str = "DO NOTHING") -> str:
    """The statement that inserts one row into a table."""
    places = ", ".join("?" * len(table.columns))
    return f"INSERT INTO {table.name} ({', '.join(table.names)}) VALUES ({places}) ON CONFLICT ({', '.join(table.key)}) {on_conflict}"


def storable(table: Table, row: dict[str, Any]) -> list[Any]:
    """A row's values in the order of the columns. Raises ValueError for missing or unknown columns.

    SQLite knows no numpy scalars and stores NaN as NULL; converting here keeps NULL out of columns that are not floats.
    """
    if set(row) != set(table.names):
        raise ValueError(f"a row of {table.name} has the columns {list(table.names)}, got {list(row)}")
    return [_plain(row[name], kind) for name, kind in table.types.items()]


def where(**equal: Any) -> tuple[str, tuple[Any, ...]]:
    """A WHERE clause for the names that have a value, and those values.

    >>> where(settings="a", target=None, run=0)
    ('WHERE settings = ? AND run = ?', ('a', 0))
    """
    given = {name: value for name, value in equal.items() if value is not None}
    clause = " AND ".join(f"{name} = ?" for name in given)
    return (f"WHERE {clause}" if clause else ""), tuple(given.values())


def _columns(table: Table) -> str:
    return ", ".join(f"{name} {_SQL_TYPE[kind]}" for name, kind in table.types.items())


def _bookkept(columns: str) -> list[str]:
    return [part.split()[0] for part in columns.partition(", PRIMARY KEY")[0].split(", ")]


def _plain(value: Any, kind: type) -> Any:
    value = kind(value)
    return None if kind is float and math.isnan(value) else value
