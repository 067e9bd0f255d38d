"""Checkpoints: a tick in one HDF5 file, with the state of the run after it and its rows.

The file is complete before it gets its name, and gets its name before the rows are committed. So an interrupted run finds its checkpoint
level with the tables or one tick ahead, and in the latter case the missing rows are in the checkpoint.
"""

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ncap.training.fingerprint import fingerprint
from ncap.training.tick import State, Tick

_FORMAT = 2
_GROUPS = ("weights", "optimizer", "generators")


Run = tuple[str, str, str, int]  # settings, target, candidate, run


def save(path: Path, tick: Tick, run: Run) -> None:
    """Write to a temporary name, flush to disk, rename into place. If that fails, raise OSError and leave the old file.

    Only one process at a time may save to a path; whatever a killed one left under the temporary name is overwritten.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, state = path.with_suffix(".tmp"), tick.state
    head = {
        "run": json.dumps(run),
        "body": state.body,
        "rows": json.dumps({"observation": tick.observation, "readings": tick.readings}),
        "random": json.dumps(state.random),
    }
    arrays = {group: getattr(state, group) for group in _GROUPS}
    try:
        with h5py.File(temporary, "w") as file:
            file.attrs["format"] = _FORMAT
            for name, text in head.items():
                file.attrs[name] = text
            file.attrs["fingerprint"] = _fingerprint(head, arrays)
            for group, values in arrays.items():
                file.create_group(group).attrs["count"] = len(values)
                for index, array in enumerate(values):
                    file[group].create_dataset(str(index), data=array)
        _flush(temporary, os.O_RDWR)  # Windows cannot flush a file that is open for reading only
        temporary.replace(path)
        if os.name == "posix":  # elsewhere folders cannot be opened, and renames are journalled
            _flush(path.parent, os.O_RDONLY)
    except (OSError, RuntimeError) as error:
        raise _os_error(error, temporary) from error
    finally:
        temporary.unlink(missing_ok=True)


def load(path: Path, run: Run) -> Tick | None:
    """The tick, or None if there is no readable file of this run, which then starts over and reaches the same numbers."""
    try:
        with h5py.File(path, "r") as file:
            if file.attrs["format"] == 1:
                return _of_format_1(file, run)
            if file.attrs["format"] != _FORMAT or file.attrs["run"] != json.dumps(run):
                return None
            head = {name: str(file.attrs[name]) for name in ("run", "body", "rows", "random")}
            arrays = {group: _arrays(file, group) for group in _GROUPS}
            if file.attrs["fingerprint"] != _fingerprint(head, arrays):
                return None  # HDF5 itself only notices damage to its structure
        return Tick(**json.loads(head["rows"]), state=State(head["body"], **arrays, random=json.loads(head["random"])))
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError):
        return None


def _of_format_1(file: h5py.File, run: Run) -> Tick | None:
    """What ncap 0.1 saved at the end of an epoch: one wide row, and no generators, which are reseeded every epoch."""
    weights, optimizer = _arrays(file, "weights"), _arrays(file, "optimizer")
    text, body = str(file.attrs["row"]), str(file.attrs["body"])
    if file.attrs["fingerprint"] != fingerprint([np.frombuffer(text.encode(), np.uint8), *weights, *optimizer]):
        return None
    row = json.loads(text)
    if (row["target"], row["candidate"], row["run"]) != tuple(
        run[1:]
    ):  # not the settings: their hash was another, and included the reading
        return None
    place = {"tick": row["epoch"]}
    trained = ("train_accuracy", "train_loss", "val_accuracy", "val_loss", "test_accuracy", "seconds_train")
    observation = place | {"epoch": float(row["epoch"])} | {name: row[name] for name in trained}
    reading = place | {
        "reading": row["reading"],
        "beta_eff": row["beta_eff"],
        "beta_eff_error": row["beta_eff_error"],
        "numerator": math.nan,
        "denominator": math.nan,
        "cancellation": row["cancellation"],
        "reason": "unknown" if row["degenerate"] else "",
        "n_samples": 0,
        "seconds": row["seconds_beta"],
    }
    return Tick(observation, [reading], State(body, weights, optimizer, []))


def _arrays(file: h5py.File, group: str) -> list[np.ndarray]:
    return [file[group][str(index)][()] for index in range(file[group].attrs["count"])]


def _fingerprint(head: dict[str, str], arrays: dict[str, Any]) -> str:
    texts = (np.frombuffer(text.encode(), np.uint8) for text in head.values())
    return fingerprint([*texts, *(array for group in _GROUPS for array in arrays[group])])


def _os_error(error: Exception, path: Path) -> OSError:
    # If the disk fills up, h5py raises one or the other, with the system's error number somewhere in a long message.
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
