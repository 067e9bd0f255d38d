"""Export of all tables of a store as Parquet or CSV files, and import: for other programs, other machines and the far future.

A folder holds one file per table, and `columns.csv`, which says what every column means. A round trip preserves every value to the last
digit, NaN and infinity included, and names that a spreadsheet would take for a formula.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from ncap.arguments import make_folder, path_text
from ncap.files import write_new
from ncap.records.schema import RECORDS, Table
from ncap.records.sql import BOOKKEEPING
from ncap.records.store import Store

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("parquet", "csv")


def export_records(store: str | Path, out: str | Path, format: str = "parquet") -> list[Path]:
    """Write every table of a store to a folder, and return the files; those of an earlier export are replaced.

    Raises: ValueError for an unknown format, a file that is not a store, or an `out` that cannot be a folder; OSError if the disk is full.
    """
    _check_format(format)
    with Store(store, create=False) as opened:
        tables = {table.name: opened.table(table) for table in every_table()}
    folder = make_folder("out", out)
    files = [write_new(folder / "columns.csv", _content(_dictionary(), "csv"))]
    files += [write_new(folder / f"{name}.{format}", _content(rows, format)) for name, rows in tables.items()]
    return files


def _content(rows: "pd.DataFrame", format: str) -> bytes:
    if format == "parquet":
        content: bytes = rows.to_parquet(None, index=False)
        return content
    return rows.to_csv(index=False, lineterminator="\n").encode()


def import_records(folder: str | Path, store: str | Path) -> dict[str, int]:
    """Import what `export_records` wrote into a store, created if it is missing, and return the number of new rows per table.

    Rows that the store already has stay as they are. Raises: ValueError for a folder without tables, for a table that does not fit the
    schema, and for a row that the store has with other values; nothing is written in that case.
    """
    source = Path(path_text("folder", folder))
    found = {table.name: (table, file) for table in every_table() if (file := _file_of(source, table)) is not None}
    if not found:
        raise ValueError(
            f"{source}: holds no exported table such as observations.parquet or observations.csv; pass the folder of an export"
        )
    tables = {name: (table, _read(file, table)) for name, (table, file) in found.items()}
    with Store(store) as opened:
        return opened.merge(tables)


def every_table() -> tuple[Table, ...]:
    """The records, and the tables that a store keeps beside them."""
    return (*RECORDS, *BOOKKEEPING)


def _check_format(format: str) -> None:
    if format not in FORMATS:
        raise ValueError(f"format must be 'parquet' or 'csv', got {format!r:.80}")
    if format == "parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise ValueError("format 'parquet' needs pyarrow: pip install 'ncap[parquet]'; or pass 'csv'") from None


def _file_of(folder: Path, table: Table) -> Path | None:
    files = [file for format in FORMATS if (file := folder / f"{table.name}.{format}").is_file()]
    if len(files) > 1:
        raise ValueError(f"{folder}: has both {files[0].name} and {files[1].name}; remove one of them")
    return files[0] if files else None


def _read(file: Path, table: Table) -> "pd.DataFrame":
    import pandas as pd

    from ncap.records.tables import checked_table

    try:
        if file.suffix == ".parquet":
            _check_format("parquet")
            rows = pd.read_parquet(file)
        else:
            # Read as text first: an empty field is NaN in a column of floats and "" elsewhere, and "nan" may be a candidate's name.
            rows = pd.read_csv(file, dtype=str, keep_default_na=False)
            numbers = [name for name in rows.columns if table.types.get(name) in (int, float)]
            rows = rows.assign(**{name: [float(text or "nan") for text in rows[name]] for name in numbers})
        return checked_table(table, rows)
    except (ValueError, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file}: cannot be read as the table {table.name} ({error})") from error


def _dictionary() -> "pd.DataFrame":
    """What every column means, as a table."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "table": table.name,
                "column": column.name,
                "type": column.type.__name__,
                "unit": column.unit,
                "meaning": column.meaning,
            }
            for table in RECORDS
            for column in table.columns
        ]
    )
