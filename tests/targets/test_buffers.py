"""A batch's memory is used again when nobody holds the batch any more, and not before."""

import keras
import numpy as np
import pytest
from PIL import Image

from ncap import targets
from ncap.targets.buffers import KEPT, LEAST, MOST, Buffers


@pytest.fixture(name="folder")
def _folder(tmp_path):
    rng = np.random.default_rng(0)
    for label in "ab":
        (tmp_path / label).mkdir()
        for number in range(24):
            Image.fromarray(rng.integers(0, 256, (96, 96, 3), np.uint8)).save(tmp_path / label / f"{number}.png")
    return tmp_path


def test_batches_and_tensors_that_are_kept_are_not_written_over(folder):
    target = targets.load(folder)
    rows = np.arange(target.lengths["train"]).repeat(6)
    shape = (128, 128, 3)
    batches = [x for x, _ in target.batches("train", rows, 8, shape)]
    assert batches[0].nbytes > LEAST
    tensors = [keras.ops.convert_to_tensor(x) for x, _ in target.batches("train", rows, 8, shape)]
    one_by_one = [target.converted("train", rows[start : start + 8], shape).copy() for start in range(0, len(rows), 8)]
    for batch, tensor, alone in zip(batches, tensors, one_by_one, strict=True):
        np.testing.assert_array_equal(batch, alone)
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(tensor), alone)


def test_a_block_goes_round_and_few_are_kept():
    buffers, shape = Buffers(), (1024, 512)
    places = set()
    for _ in range(20):
        array = buffers.empty(shape)
        array[...] = 1
        places.add(array.ctypes.data)
        del array
    assert len(places) == 1
    held = [buffers.empty(shape) for _ in range(3 * KEPT)]
    assert len({each.ctypes.data for each in held}) == len(held)
    del held
    assert len(buffers._free) == KEPT


@pytest.mark.parametrize("bytes_", [LEAST - 4, MOST + 4])
def test_what_is_no_batch_is_ordinary_memory(bytes_):
    buffers = Buffers()
    array = buffers.empty((bytes_ // 4,))
    assert array.base is None
    del array
    assert not buffers._free
