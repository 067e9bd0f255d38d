"""Images that are in two parts, byte for byte, are counted and said."""

import numpy as np
import pytest

from ncap import targets
from ncap.targets import duplicates
from ncap.targets.duplicates import shared_images


def drawn(n, seed):
    return np.random.default_rng(seed).integers(0, 256, (n, 3, 3, 3), np.uint8), np.arange(n) % 2


def test_copies_are_counted_by_pair_of_parts(monkeypatch):
    (train, y), (val, _), (test, _) = (drawn(20, seed) for seed in range(3))
    val[:3], test[5], test[6] = train[4:7], train[4], val[9]
    target = targets.Target.from_parts("t", {"train": (train, y), "val": (val, y), "test": (test, y)}, seed=0)
    expected = {("train", "val"): 3, ("train", "test"): 1, ("val", "test"): 2}
    assert shared_images(target) == expected
    monkeypatch.setattr(duplicates, "_CHUNK", 7)
    assert shared_images(target) == expected


def test_one_pixel_makes_another_image():
    x, y = drawn(20, 0)
    other = x.copy()
    other[:, 1, 1, 1] ^= 1
    assert shared_images(targets.Target.from_parts("t", {"train": (x, y), "val": (other, y)}, seed=0)) == {}


def test_a_file_with_copies_is_loaded_with_a_warning(tmp_path):
    (x, y), (val, _) = drawn(20, 0), drawn(20, 1)
    val[7] = x[3]
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y, x_val=val, y_val=y)
    with pytest.warns(UserWarning, match=r"mine: the same images are in several parts \(1 of val is in train\)"):
        assert targets.load(tmp_path / "mine.npz").lengths == {"train": 20, "val": 20}


def test_the_flowers_have_three_copies(shared_data, monkeypatch):
    monkeypatch.setenv("NCAP_DATA", str(shared_data))
    with pytest.warns(UserWarning, match=r"flowers: the same images are in several parts \(3 of test are in train\)"):
        targets.load("flowers")
