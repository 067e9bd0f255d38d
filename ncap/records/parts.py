"""Immutable parts of tables: Parquet files that are never changed once written, and a manifest with the SHA-256 of each.

Floats are float32, whose bytes are stored apart, which compresses best; columns that nobody needs to the last digit have ten bits of
mantissa. Ints are int32.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ncap.records.schema import Table

if TYPE_CHECKING:
    import pandas as pd

MANIFEST = "manifest.json"
FORMAT = 1
THREE_DIGITS = ("beta_eff_error", "cancellation", "seconds", "seconds_train")


def parts(folder: Path) -> list[dict[str, Any]]:
    """The files of a folder, in the order in which they were added: file, table, rows, sha256, protocol.

    Raises: ValueError where there is no manifest, or one that cannot be read.

    >>> parts(Path("nowhere"))
    Traceback (most recent call last):
    ValueError: nowhere: has no manifest.json; pass the folder benchmarks/evidence/table of ncap's repository
    """
    file = folder / MANIFEST
    if not file.is_file():
        raise ValueError(f"{folder}: has no {MANIFEST}; pass the folder benchmarks/evidence/table of ncap's repository")
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        form, listed = manifest["format"], [{name: part[name] for name in _LISTED} for part in manifest["parts"]]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{file}: cannot be read as a manifest ({error!r:.80}); check it out again") from None
    if form != FORMAT:
        raise ValueError(f"{file}: has the format {form!r:.80}, and this ncap reads {FORMAT}; update ncap")
    return listed


_LISTED = ("file", "table", "rows", "sha256", "protocol")


def read_table(folder: Path, table: Table) -> "pd.DataFrame":
    """One table, all of its parts, each checked by its hash; floats in float64 as everywhere, their values as stored.

    Raises: ValueError for a file that is missing or not the one in the manifest, and where pyarrow is not installed.
    """
    import pandas as pd

    found = [_content(folder, part) for part in parts(folder) if part["table"] == table.name]
    if not found:
        return table.empty()
    try:
        return pd.concat(found, ignore_index=True)[list(table.names)].astype(table.types)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{folder}: the parts of {table.name} lack its columns ({error}); check them out again"
        ) from None


def add_parts(
    folder: Path, tables: "Mapping[str, pd.DataFrame]", kinds: Sequence[Table], protocol: str = ""
) -> dict[str, int]:
    """Write a file for every table that has rows, then the manifest; the bytes of each file.

    Args:
        folder: made if it is missing.
        tables: name -> rows. kinds: the tables that are looked for.
        protocol: hash of what the rows were made under.

    Raises: ValueError where pyarrow is not installed; OSError where a file cannot be written.
    """
    _check_pyarrow()
    folder.mkdir(parents=True, exist_ok=True)
    listed = parts(folder) if (folder / MANIFEST).exists() else []
    number = 1 + max((int(part["file"].partition("-")[0]) for part in listed), default=0)
    written = {}
    for table in kinds:
        if not len(rows := tables[table.name]):
            continue
        content = _encoded(table, rows)
        name = f"{number:04d}-{table.name}.parquet"
        with (folder / name).open("xb") as new:
            new.write(content)
        written[name] = len(content)
        digest = hashlib.sha256(content).hexdigest()
        listed.append(dict(zip(_LISTED, (name, table.name, len(rows), digest, protocol), strict=True)))
    (folder / MANIFEST).write_text(json.dumps({"format": FORMAT, "parts": listed}, indent=1) + "\n", encoding="utf-8")
    return written


def rounded(values: np.ndarray, bits: int) -> np.ndarray:
    """As float32 with a mantissa of so many bits, rounded to the nearest; NaN and infinity stay.

    >>> rounded(np.array([1 / 3, 1e-9, np.nan, np.inf]), 10).tolist()
    [0.333251953125, 1.000444171950221e-09, nan, inf]
    """
    mantissa, exponent = np.frexp(np.asarray(values, np.float64))
    return np.ldexp(np.round(mantissa * 2.0 ** (bits + 1)) / 2.0 ** (bits + 1), exponent).astype(np.float32)


def _check_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise ValueError(
            "the tabular benchmark is kept in Parquet files, which need pyarrow: pip install 'ncap[parquet]'"
        ) from None


def _encoded(table: Table, rows: "pd.DataFrame") -> bytes:
    """Rows as a Parquet file, in the order of the table's key; the readings of a tick keep theirs."""
    import pyarrow as pa
    from pyarrow import parquet

    order = [name for name in table.key if name != "reading"]
    rows = rows[list(table.names)].sort_values(order, kind="stable", ignore_index=True)
    stored = {name: rows[name].to_numpy() for name in table.names}
    floats = [name for name, kind in table.types.items() if kind is float]
    for name, kind in table.types.items():
        if kind is float:
            stored[name] = rounded(stored[name], 10 if name in THREE_DIGITS else 23)
        elif kind is int:
            stored[name] = stored[name].astype(np.int32)
    file = BytesIO()
    parquet.write_table(
        pa.table({name: pa.array(values) for name, values in stored.items()}),
        file,
        compression="zstd",
        compression_level=19,
        use_dictionary=[name for name in table.names if name not in floats],
        use_byte_stream_split=floats,
    )
    return file.getvalue()


def _content(folder: Path, part: Mapping[str, Any]) -> "pd.DataFrame":
    """One file, after its hash was checked. Its name is data: it names a file in the folder and none elsewhere."""
    import pandas as pd

    _check_pyarrow()
    file = folder / Path(part["file"]).name
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file}: cannot be read ({error.strerror}); check it out again") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != part["sha256"]:
        raise ValueError(
            f"{file}: its SHA-256 is {digest:.16}..., but {MANIFEST} has {part['sha256']:.16}...: the file is damaged or changed; check it "
            "out again"
        )
    return pd.read_parquet(BytesIO(content))
