"""The tables of a store in SQL, derived from the schema.

Every row ends with a checksum of its values, which appears in no DataFrame and no export: SQLite notices a malformed page, but not a
number that has turned into another.
"""

import json
import math
import zlib
from collections.abc import Sequence
from typing import Any

from ncap.records.schema import RECORDS, Column, Table

_SQL_TYPE = {str: "TEXT NOT NULL", int: "INTEGER NOT NULL", bool: "INTEGER NOT NULL", float: "REAL"}


def _texts(names: str) -> tuple[Column, ...]:
    return tuple(Column(name, str, "", "") for name in names.split())


# What a store keeps beside the records: jobs, by the hash of their settings; the body that each run started from; and the hashes that jobs
# had under an older version, with the reading that was part of them.
SETTINGS = Table("settings", "", _texts("hash parameters environment first_used"), keys=1)
BODIES = Table(
    "bodies", "", (*_texts("settings target candidate"), Column("run", int, "", ""), *_texts("fingerprint")), keys=4
)
ALIASES = Table("aliases", "", _texts("alias settings reading"), keys=1)
BOOKKEEPING = (SETTINGS, BODIES, ALIASES)

TABLES = {table.name: table for table in (*RECORDS, *BOOKKEEPING)}


def create_statements() -> dict[str, str]:
    """One CREATE TABLE statement per table, by its name."""
    return {
        name: f"CREATE TABLE {name} ({_columns(table)}, checksum INTEGER NOT NULL, PRIMARY KEY ({', '.join(table.key)}))"
        for name, table in TABLES.items()
    }


def insert(table: Table, replace: bool = False) -> str:
    """The statement that inserts one row, as `storable` lists it, into a table; an existing row with its key stays, or is replaced."""
    names = (*table.names, "checksum")
    values = ", ".join(f"{name} = excluded.{name}" for name in names[table.keys :])
    return (
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "
        f"ON CONFLICT ({', '.join(table.key)}) {f'DO UPDATE SET {values}' if replace else 'DO NOTHING'}"
    )


def storable(table: Table, row: dict[str, Any]) -> list[Any]:
    """A row's values in the order of the columns, and their checksum. Raises ValueError for missing or unknown columns.

    SQLite knows no numpy scalars and stores NaN as NULL; converting here keeps NULL out of columns that are not floats.
    """
    if set(row) != set(table.names):
        raise ValueError(f"a row of {table.name} has the columns {list(table.names)}, got {list(row)}")
    values = [_plain(f"{table.name}.{name}", row[name], kind) for name, kind in table.types.items()]
    return [*values, checksum(values)]


def checksum(values: Sequence[Any]) -> int:
    """CRC-32 of a row's values, NULL as None, written as a JSON list: the same on every machine and in every version of Python.

    >>> checksum(["mlp", 1, 0.5, None])
    4094353557
    """
    return zlib.crc32(_JSON.encode(list(values)).encode())


_JSON = json.JSONEncoder(separators=(",", ":"), default=repr)  # bytes, which no column holds, have a checksum too


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


def _plain(name: str, value: Any, kind: type) -> Any:
    value = kind(value)
    if kind is str:
        try:
            value.encode()
        except UnicodeEncodeError:  # half a surrogate pair, as in Python's names of files that are not UTF-8
            raise ValueError(f"{name} must be a text that can be written in UTF-8, got {value!a:.80}") from None
    return None if kind is float and math.isnan(value) else value
