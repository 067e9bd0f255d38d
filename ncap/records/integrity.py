"""What is looked for in a store when it is opened, so that no job meets it hours later, or never: damage of every kind.

Pages and indexes are SQLite's to check; that the tables are those which ncap makes, and that no value has changed since it was written,
is checked here. 1.1 s for 100,000 observations with a reading each.
"""

import sqlite3
from pathlib import Path

from ncap.records import migrations
from ncap.records.sql import TABLES, checksum, create_statements


def damage(db: sqlite3.Connection, path: Path) -> str:
    """The first damage of a file's pages and indexes, in words, or "". Raises sqlite3.Error where SQLite cannot even look."""
    for (verdict,) in db.execute("PRAGMA integrity_check(1)"):
        if verdict != "ok":
            return " ".join(str(verdict).split())
    ((pages,),), ((page_size,),) = db.execute("PRAGMA page_count"), db.execute("PRAGMA page_size")
    if path.stat().st_size < pages * page_size:
        return "the file is cut off"  # within its last page, which SQLite fills up with zeros
    return ""


def foreign_part(db: sqlite3.Connection, version: int) -> str:
    """What of a store is not as ncap makes it, in words, or "": a view in a table's place can run for ever, a trigger can do anything."""
    found = {name: (kind, sql) for kind, name, sql in db.execute("SELECT type, name, sql FROM sqlite_master")}
    for name, sql in (migrations.SCHEMA_1 if version == 1 else create_statements()).items():
        if name not in found:
            return f"its table {name} is missing"
        if found[name] != ("table", sql):
            return f"its {found[name][0]} {name} is not the table of schema {version}"
    triggers = [name for name, (kind, _) in found.items() if kind == "trigger"]
    return f"it holds a trigger, {triggers[0]!a:.80}" if triggers else ""


def changed_row(db: sqlite3.Connection, version: int) -> str:
    """The first row whose values are not those that were written, in words, or ""."""
    text, db.text_factory = db.text_factory, lambda raw: raw.decode(errors="surrogateescape")
    try:
        return migrations.impossible_row(db) if version == 1 else _unsealed_row(db)
    finally:
        db.text_factory = text


def _unsealed_row(db: sqlite3.Connection) -> str:
    for name, table in TABLES.items():
        for *values, kept in db.execute(f"SELECT {', '.join(table.names)}, checksum FROM {name}"):
            if checksum(values) != kept:
                key = ", ".join(f"{column} {value!a:.80}" for column, value in zip(table.key, values, strict=False))
                return f"in its table {name} the row {key} has changed since it was written"
    return ""
