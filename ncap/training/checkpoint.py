"""Checkpoints: a tick in one HDF5 file, with the state of the run after it and its rows.

The file is complete before it gets its name, and gets its name before the rows are committed. So an interrupted run finds its checkpoint
level with the tables or one tick ahead, and in the latter case the missing rows are in the checkpoint.
"""

import json
import math
import os
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ncap import hdf5
from ncap.training.fingerprint import fingerprint
from ncap.training.tick import State, Tick

_FORMAT = 2
# Texts are kept as bytes: in a damaged file HDF5 can search for a text of its own kind for ever.
_HEAD = ("run", "body", "rows", "random")
_GROUPS = ("weights", "optimizer", "generators")
_MOST = 1_000_000  # arrays of a checkpoint


Run = tuple[str, str, str, int]  # settings, target, candidate, run


def save(path: Path, tick: Tick, run: Run) -> None:
    """Write to a temporary name, flush to disk, rename into place. If that fails, raise OSError and leave the old file.

    Only one process at a time may save to a path; whatever a killed one left under the temporary name is overwritten.
    """
    temporary, content = path.with_suffix(".tmp"), _content(tick, run)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary.unlink(missing_ok=True)  # a link there would be followed, a pipe waited for
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        if os.name == "posix":  # elsewhere a folder cannot be opened, and the rename is journalled
            _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _content(tick: Tick, run: Run) -> memoryview:
    """The file, in memory: HDF5 itself can crash the process when a disk is full."""
    state, memory = tick.state, BytesIO()
    head = {
        "run": json.dumps(run),
        "body": state.body,
        "rows": json.dumps({"observation": tick.observation, "readings": tick.readings}),
        "random": json.dumps(state.random),
    }
    arrays = {group: getattr(state, group) for group in _GROUPS}
    with h5py.File(memory, "w") as file:
        file.attrs["format"] = _FORMAT
        texts = file.create_group("texts")
        for name, text in (head | {"fingerprint": _fingerprint(head, arrays)}).items():
            texts.create_dataset(name, data=np.frombuffer(text.encode(), np.uint8))
        for group, values in arrays.items():
            file.create_group(group).attrs["count"] = len(values)
            for index, array in enumerate(values):
                file[group].create_dataset(str(index), data=array)
    return memory.getbuffer()


def load(path: Path, run: Run) -> Tick | None:
    """The tick, or None if there is no readable file of this run, which then starts over and reaches the same numbers."""
    try:
        with hdf5.opened(path) as file:
            if file.attrs["format"] == 1:
                return _of_format_1(file, run) if hdf5.heaps_end(path) else None
            texts = [hdf5.plain(hdf5.child(hdf5.child(file, "texts"), name)) for name in (*_HEAD, "fingerprint")]
            *values, expected = (bytes(text).decode() for text in hdf5.read(texts))
            head = dict(zip(_HEAD, values, strict=True))
            if file.attrs["format"] != _FORMAT or head["run"] != json.dumps(run):
                return None
            arrays = _arrays(file, _GROUPS)
            if expected != _fingerprint(head, arrays):
                return None  # HDF5 itself only notices damage to its structure
            tick = Tick(
                **json.loads(head["rows"]), state=State(head["body"], **arrays, random=json.loads(head["random"]))
            )
            return tick if tick.number > 0 else None
    except hdf5.HDF5Error:
        return None


def _of_format_1(file: h5py.File, run: Run) -> Tick | None:
    """What ncap 0.1 saved at the end of an epoch: one wide row, and no generators, which are reseeded every epoch."""
    weights, optimizer = _arrays(file, _GROUPS[:2]).values()
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


def _arrays(file: h5py.File, groups: tuple[str, ...]) -> dict[str, list[np.ndarray]]:
    """The arrays of every group, none of them read before all are known to be of the size that they say."""
    counts = {group: int(hdf5.child(file, group).attrs["count"]) for group in groups}
    if sum(counts.values()) > _MOST or min(counts.values()) < 0:
        raise hdf5.HDF5Error(f"it counts {counts} arrays")
    found = [
        hdf5.plain(hdf5.child(file[group], str(index))) for group, count in counts.items() for index in range(count)
    ]
    arrays = iter(hdf5.read(found))
    return {group: list(islice(arrays, count)) for group, count in counts.items()}


def _fingerprint(head: dict[str, str], arrays: dict[str, Any]) -> str:
    texts = (np.frombuffer(text.encode(), np.uint8) for text in head.values())
    return fingerprint([*texts, *(array for group in _GROUPS for array in arrays[group])])


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
