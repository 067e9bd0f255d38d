"""Checkpoints: one tick in one real HDF5 file."""

import math

import numpy as np
import pytest

from ncap.training import checkpoint
from ncap.training.tick import State, Tick

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
