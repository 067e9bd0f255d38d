"""The state of a run after an epoch, in one HDF5 file: weights, optimizer, and the row of the table that the epoch made.

The file is complete before it gets its name, and gets its name before the row is committed. So a run that is cut off finds its
checkpoint level with the table or one epoch ahead, and the row that is missing then lies in the checkpoint.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ncap.engines.job import fingerprint

_FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """The finished epoch's row, the fingerprint of the body it began from, and the variables in Keras' order."""

    row: dict[str, Any]
    body: str
    weights: list[np.ndarray]
    optimizer: list[np.ndarray]

    @property
    def epoch(self) -> int:
        """The epoch that was finished."""
        return int(self.row["epoch"])


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write to a temporary name, flush to the disk, rename into place; raises OSError and leaves the old file where it cannot.

    One process at a time may save a path: what a killed one left under the temporary name is overwritten.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, row = path.with_suffix(".tmp"), json.dumps(checkpoint.row)
    try:
        with h5py.File(temporary, "w") as file:
            file.attrs["format"] = _FORMAT
            file.attrs["row"] = row
            file.attrs["body"] = checkpoint.body
            file.attrs["fingerprint"] = _fingerprint(row, checkpoint.weights, checkpoint.optimizer)
            for group, arrays in (("weights", checkpoint.weights), ("optimizer", checkpoint.optimizer)):
                file.create_group(group).attrs["count"] = len(arrays)
                for index, array in enumerate(arrays):
                    file[group].create_dataset(str(index), data=array)
        _flush(temporary, os.O_RDWR)  # Windows flushes no file that is open for reading
        temporary.replace(path)
        if os.name == "posix":  # elsewhere a folder cannot be opened, and the rename is journalled
            _flush(path.parent, os.O_RDONLY)
    except (OSError, RuntimeError) as error:
        raise _os_error(error, temporary) from error
    finally:
        temporary.unlink(missing_ok=True)


def load(path: Path) -> Checkpoint | None:
    """The checkpoint, or None where there is none that can be read: the run then starts over, to the same numbers."""
    try:
        with h5py.File(path, "r") as file:
            if file.attrs["format"] != _FORMAT:
                return None
            arrays = {
                group: [file[group][str(index)][()] for index in range(file[group].attrs["count"])]
                for group in ("weights", "optimizer")
            }
            row, body = str(file.attrs["row"]), str(file.attrs["body"])
            if file.attrs["fingerprint"] != _fingerprint(row, **arrays):
                return None  # HDF5 itself notices damage to its structure only
            return Checkpoint(json.loads(row), body, **arrays)
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError):
        return None


def _fingerprint(row: str, weights: list[np.ndarray], optimizer: list[np.ndarray]) -> str:
    return fingerprint([np.frombuffer(row.encode(), np.uint8), *weights, *optimizer])


def _os_error(error: Exception, path: Path) -> OSError:
    # A disk that fills up makes h5py raise one or the other, with the system's error number somewhere in a long text.
    found = re.search(r"errno = (\d+)", str(error))
    if found:
        return OSError(int(found[1]), os.strerror(int(found[1])), str(path))
    return error if isinstance(error, OSError) else OSError(f"{path}: {error}")


def _flush(path: Path, mode: int) -> None:
    descriptor = os.open(path, mode)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
