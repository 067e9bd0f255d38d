"""Tiny-ImageNet in two: the classes to pre-train on, and those that stay a target."""

import numpy as np
import pytest

from ncap import targets
from ncap.targets import tinyimagenet


def test_the_seed_decides_which_classes_stay_a_target():
    drawn = np.random.default_rng(0).permutation(50)[:15]
    assert tuple(sorted(drawn.tolist())) == tinyimagenet.HELD_OUT
    assert sorted((*tinyimagenet.HELD_OUT, *tinyimagenet.PRETRAINING)) == list(range(50))


def pictures(y, offset):
    """Images whose first channel tells their label; the others number them, so that no two are the same."""
    number = np.arange(len(y))
    channels = np.stack([y + offset, number % 256, number // 256 + offset], axis=-1).astype(np.uint8)
    return np.tile(channels[:, np.newaxis, np.newaxis], (1, 4, 4, 1))


@pytest.fixture
def small_file(tmp_path, monkeypatch):
    """Six training and two validation images a class, whose pixels tell their label and their part."""
    (tmp_path / "images").mkdir()
    arrays = {"wnid": np.array([f"n{n:08d}" for n in range(50)]), "names": np.array([f"thing {n}" for n in range(50)])}
    for part, each, offset in (("train", 6, 0), ("val", 2, 100)):
        y = np.random.default_rng(each).permutation(np.repeat(np.arange(50), each))
        arrays |= {f"y_{part}": y, f"x_{part}": pictures(y, offset)}
    np.savez(tmp_path / "images" / "tinyimagenet32.npz", **arrays)
    monkeypatch.setenv("NCAP_DATA", str(tmp_path))


def test_the_target_has_the_images_of_its_classes_alone(small_file):
    target = targets.load("tinyimagenet15", seed=0)
    assert (target.classes, target.lengths) == (15, {"train": 72, "val": 18, "test": 30})
    held_out = np.array(tinyimagenet.HELD_OUT)
    for part, offset in (("train", 0), ("val", 0), ("test", 100)):
        x, y = target.read(part, np.arange(target.lengths[part]))
        np.testing.assert_array_equal(x[:, 0, 0, 0], held_out[y] + offset)


def test_pre_training_sees_the_other_classes_alone(small_file):
    parts = tinyimagenet.chosen(tinyimagenet.PRETRAINING)
    assert {part: len(y) for part, (_, y) in parts.items()} == {"train": 35 * 6, "test": 35 * 2}
    x, y = parts["train"]
    np.testing.assert_array_equal(x[:, 0, 0, 0], np.array(tinyimagenet.PRETRAINING)[y])
    assert tinyimagenet.class_names((3, 49)) == ["n00000003 thing 3", "n00000049 thing 49"]


def test_a_missing_file_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("NCAP_DATA", str(tmp_path))
    with pytest.raises(
        ValueError, match=r"has no file images/tinyimagenet32\.npz, and nothing downloads it; set NCAP_DATA"
    ):
        targets.load("tinyimagenet15")
    assert targets.NAMED.get("tinyimagenet15").at_hand() == "no"
