"""Checkpoints: one tick in one real HDF5 file."""

import json
import math
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import tiny
from tiny import ranked, without_times

from ncap.records.schema import OBSERVATIONS, RunKey
from ncap.records.store import Store
from ncap.training import checkpoint
from ncap.training.tick import State, Tick

V1 = Path(__file__).parents[1] / "records" / "v1"
RUN = ("s", "digits", "mlp", 0)


def tick(number=1, **arrays):
    given = {"weights": [np.ones(1000, np.float32)], "optimizer": [], "generators": []} | arrays
    return Tick({"tick": number, "val_loss": 0.1}, [{"tick": number, "beta_eff": math.nan}], State("body", **given))


def test_a_checkpoint_keeps_rows_arrays_and_generators(tmp_path):
    arrays = {
        "weights": [np.arange(3, dtype=np.float32), np.float32(2)],
        "optimizer": [np.int64(7)],
        "generators": [np.array([5, 0], np.uint32)],
    }
    saved = Tick(
        tick(3).observation,
        tick(3).readings,
        State("body", **arrays, random=[[3, [1, 2], None], ["MT19937", [4], 5, 0, 0.5]]),
    )
    path = tmp_path / "a" / "b.h5"
    checkpoint.save(path, saved, RUN)
    loaded = checkpoint.load(path, RUN)
    assert (loaded.number, loaded.state.body, loaded.state.random) == (3, "body", saved.state.random)
    assert loaded.observation == saved.observation
    assert math.isnan(loaded.readings[0].pop("beta_eff"))
    assert loaded.readings == [{"tick": 3}]
    for group, before in arrays.items():
        for one, other in zip(before, getattr(loaded.state, group), strict=True):
            assert other.dtype == one.dtype
            np.testing.assert_array_equal(other, one)
    assert [file.name for file in path.parent.iterdir()] == ["b.h5"]


def test_a_checkpoint_that_cannot_be_read_counts_as_none(tmp_path):
    path = tmp_path / "run.h5"
    assert checkpoint.load(path, RUN) is None
    checkpoint.save(path, tick(), RUN)
    path.write_bytes(path.read_bytes()[:1000])
    assert checkpoint.load(path, RUN) is None


@pytest.mark.parametrize("other", [("t", *RUN[1:]), (*RUN[:3], 1), (*RUN[:2], "cnn", 0)])
def test_a_checkpoint_of_another_run_counts_as_none(tmp_path, other):
    path = tmp_path / "run.h5"
    checkpoint.save(path, tick(), RUN)
    assert checkpoint.load(path, RUN).number == 1
    assert checkpoint.load(path, other) is None


def test_a_changed_number_is_noticed(tmp_path):
    path = tmp_path / "run.h5"
    checkpoint.save(path, tick(weights=[np.full(1000, 0.5, np.float32)]), RUN)
    data = path.read_bytes()
    place = data.index(np.full(4, 0.5, np.float32).tobytes())
    path.write_bytes(data[:place] + np.float32(0.25).tobytes() + data[place + 4 :])
    assert checkpoint.load(path, RUN) is None


def test_a_failed_save_leaves_the_old_checkpoint(tmp_path):
    path = tmp_path / "run.h5"
    checkpoint.save(path, tick(1), RUN)
    with pytest.raises(TypeError):
        checkpoint.save(path, tick(2, weights=[np.array([object()])]), RUN)
    assert checkpoint.load(path, RUN).number == 1
    assert [file.name for file in tmp_path.iterdir()] == ["run.h5"]


def elsewhere(file, group):
    """The first array in another file, by an external link."""
    with h5py.File(file.filename + ".other", "w") as other:
        other["secret"] = np.ones(1000, np.float32)
    del group["0"]
    group["0"] = h5py.ExternalLink(file.filename + ".other", "secret")


def soft(file, group):
    del group["0"]
    file["weight"] = np.ones(1000, np.float32)
    group["0"] = h5py.SoftLink("/weight")


def external_storage(file, group):
    with open(file.filename + ".raw", "wb") as raw:  # noqa: PTH123
        raw.write(np.ones(1000, np.float32).tobytes())
    del group["0"]
    group.create_dataset("0", shape=(1000,), dtype=np.float32, external=[(file.filename + ".raw", 0, 4000)])


def virtual(file, group):
    elsewhere(file, group)
    del group["0"]
    layout = h5py.VirtualLayout(shape=(1000,), dtype=np.float32)
    layout[:] = h5py.VirtualSource(file.filename + ".other", "secret", shape=(1000,))
    group.create_virtual_dataset("0", layout)


def unwritten(file, group):
    """Eight gigabytes in a few bytes, were they read."""
    del group["0"]
    group.create_dataset("0", shape=(2**31,), dtype=np.float32, chunks=(2**20,))


def compressed(file, group):
    del group["0"]
    group.create_dataset("0", data=np.ones(2**24, np.float32), compression="gzip")


def many_times(file, group):
    """One place in the file, ten thousand times."""
    for index in range(1, 10_000):
        group[str(index)] = group["0"]
    group.attrs["count"] = 10_000


def endless(file, group):
    group.attrs["count"] = 2**62


def texts(file, group):
    del group["0"]
    group["0"] = ["a", "b"]


def a_group(file, group):
    del group["0"]
    group.create_group("0")


@pytest.mark.parametrize(
    "attack", [elsewhere, soft, external_storage, virtual, unwritten, compressed, many_times, endless, texts, a_group]
)
def test_nothing_is_read_but_plain_arrays_of_the_file_itself(tmp_path, attack):
    path = tmp_path / "run.h5"
    checkpoint.save(path, tick(), RUN)
    with h5py.File(path, "r+") as file:
        attack(file, file["weights"])
    tracemalloc.start()
    try:
        assert checkpoint.load(path, RUN) is None
        assert tracemalloc.get_traced_memory()[1] < 20e6  # bytes at the peak
    finally:
        tracemalloc.stop()
    checkpoint.save(path, tick(2), RUN)  # and the next one takes its place
    assert checkpoint.load(path, RUN).number == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_in_a_checkpoints_place_is_not_waited_for(tmp_path):
    path = tmp_path / "run.h5"
    os.mkfifo(path)
    os.mkfifo(path.with_suffix(".tmp"))
    assert checkpoint.load(path, RUN) is None
    checkpoint.save(path, tick(), RUN)
    assert checkpoint.load(path, RUN).number == 1


def test_a_link_under_the_temporary_name_is_not_followed(tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    path = tmp_path / "run.h5"
    path.with_suffix(".tmp").symlink_to(mine)
    checkpoint.save(path, tick(), RUN)
    assert mine.read_text() == "mine"
    assert checkpoint.load(path, RUN).number == 1


@pytest.mark.parametrize("rows", ["{", "[]", '{"observation": {}}', '{"observation": {}, "readings": []}', "null"])
def test_rows_that_are_none_count_as_no_checkpoint(tmp_path, rows):
    path = tmp_path / "run.h5"
    checkpoint.save(path, tick(), RUN)
    with h5py.File(path, "r+") as file:
        head = {"run": json.dumps(RUN), "body": "body", "rows": rows, "random": "null"}
        arrays = {"weights": [np.ones(1000, np.float32)], "optimizer": [], "generators": []}
        for name, text in (("rows", rows), ("fingerprint", checkpoint._fingerprint(head, arrays))):
            del file["texts"][name]
            file["texts"][name] = np.frombuffer(text.encode(), np.uint8)
    assert checkpoint.load(path, RUN) is None


@pytest.mark.parametrize("part", ["weights", "optimizer", "generators"])
def test_a_run_whose_checkpoint_does_not_fit_its_model_starts_over(tmp_path, part):
    """Whatever put it there: the candidate must not fail, and again whenever the job is repeated."""
    store, candidates = tmp_path / "runs.db", {"tiny": tiny.body}
    ranked(store, candidates, runs=1, epochs=1)
    with Store(store) as opened:
        (row,) = opened.table(OBSERVATIONS).to_dict("records")
        run = tuple(row[name] for name in ("settings", "target", "candidate", "run"))
        path = opened.checkpoint_path(RunKey(*run))
    saved = checkpoint.load(path, run)
    arrays = getattr(saved.state, part)
    unfit = replace(saved.state, **{part: [np.zeros((7, 7), np.float32), *arrays[1:]]})
    checkpoint.save(path, replace(saved, state=unfit), run)
    resumed = ranked(store, candidates, runs=1, epochs=2).observations
    undisturbed = ranked(tmp_path / "undisturbed.db", candidates, runs=1, epochs=2).observations
    pd.testing.assert_frame_equal(without_times(resumed), without_times(undisturbed), check_exact=True)


def test_a_heap_of_0_1_that_leads_to_itself_is_not_followed(tmp_path):
    """HDF5 would look for a text there for ever."""
    (old,) = (V1 / "runs.db.checkpoints").rglob("tiny-0-38de19b6504ae94d.h5")
    path, run = tmp_path / old.name, (old.parent.name, "digits", "tiny", 0)
    content = bytearray(old.read_bytes())
    path.write_bytes(content)
    assert checkpoint.load(path, run).number == 6
    heap = content.index(b"GCOL")
    content[heap + 16 : heap + 32] = bytes(16)  # its first object is free space, of no size
    path.write_bytes(content)
    assert checkpoint.load(path, run) is None
