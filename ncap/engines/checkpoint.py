"""The state of a run after an epoch, in one HDF5 file: weights, optimizer, and the row of the table that the epoch made.

The file is complete before it gets its name, and gets its name before the row is committed. So a run that is cut off finds its
checkpoint level with the table or one epoch ahead, and the row that is missing then lies in the checkpoint.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

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
    """Write to a temporary name, flush to the disk, rename into place; raises OSError and leaves the old file where it cannot."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        with h5py.File(temporary, "w") as file:
            file.attrs["format"] = _FORMAT
            file.attrs["row"] = json.dumps(checkpoint.row)
            file.attrs["body"] = checkpoint.body
            for group, arrays in (("weights", checkpoint.weights), ("optimizer", checkpoint.optimizer)):
                file.create_group(group).attrs["count"] = len(arrays)
                for index, array in enumerate(arrays):
                    file[group].create_dataset(str(index), data=array)
        _flush(temporary)
        temporary.replace(path)
        if os.name == "posix":  # elsewhere a folder cannot be opened, and the rename is journalled
            _flush(path.parent)
    except RuntimeError as error:  # h5py's word for a disk that fills up while the file is closed
        raise OSError(f"{path}: {error}") from error
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
            return Checkpoint(json.loads(file.attrs["row"]), str(file.attrs["body"]), **arrays)
    except (OSError, KeyError, ValueError):
        return None


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
