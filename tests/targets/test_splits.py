"""Splits of any size: they never overlap, keep the shares of the classes, follow the seed, or are refused in words."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncap import targets
from ncap.targets.parts import complete
from ncap.targets.splits import split

LABELS = st.lists(st.integers(2, 40), min_size=2, max_size=6).flatmap(
    lambda counts: st.permutations(np.repeat(np.arange(len(counts)), counts).tolist())
)
SIZES = st.none() | st.floats(0.02, 0.7) | st.integers(1, 60)

REFUSED = r"at least \d+ samples of each class|fewer than the \d+ classes|would be in the part"


@given(
    labels=LABELS,
    parts=st.sampled_from([("train", "val"), ("train", "val", "test"), ("train", "test")]),
    seed=st.integers(0, 2**32 - 1),
    validation=SIZES,
    test=SIZES,
)
def test_a_split_is_a_stratified_partition_or_is_refused(labels, parts, seed, validation, test):
    y = np.array(labels)
    rows, refusal = tried(y, parts, seed, "y", validation, test)
    if rows is None:
        assert re.search(REFUSED, refusal)  # in our words, not in those of the library that draws
        assert not has_room(y, parts, {"val": validation, "test": test})
    else:
        assert_partition(rows, y, parts, seed, validation, test)


def tried(*arguments):
    """What split returns and "", or None and why it refuses."""
    try:
        return split(*arguments), ""
    except ValueError as error:
        return None, str(error)


def has_room(y, parts, sizes):
    """Whether every part can have two samples of every class: then nothing may be refused."""
    asked = [0.2 if sizes[part] is None else sizes[part] for part in parts if part != "train"]
    shares = [size if size < 1 else size / len(y) for size in asked]
    return min(*shares, 1 - sum(shares)) * np.bincount(y).min() >= 2.5


def assert_partition(rows, y, parts, seed, validation, test):
    assert list(rows) == list(parts)
    np.testing.assert_array_equal(np.sort(np.concatenate(list(rows.values()))), np.arange(len(y)))
    sizes = {"val": validation, "test": test}
    for part, chosen in rows.items():
        np.testing.assert_array_equal(chosen, np.sort(chosen))
        assert set(y[chosen]) == set(y), f"a class is missing from {part}"
        if isinstance(sizes.get(part), int):
            assert len(chosen) == sizes[part]
        # each of at most two draws rounds a class to whole samples
        counts = np.bincount(y)
        assert (abs(np.bincount(y[chosen]) - counts * len(chosen) / len(y)) < len(parts) - 0.999).all()
    again = split(y, parts, seed, "y", validation, test)
    assert all(np.array_equal(rows[part], again[part]) for part in parts)


@given(y=st.integers(5, 30).map(lambda n: np.repeat([0, 1, 2], n)), seed=st.integers(0, 1000))
def test_the_usual_shares_said_are_the_usual_shares(y, seed):
    """Told or left out, 20 % splits the same: an older job finds its data again."""
    for parts in (("train", "val"), ("train", "val", "test")):
        usual, said = split(y, parts, seed, "y"), split(y, parts, seed, "y", 0.2, 0.2)
        assert all(np.array_equal(usual[part], said[part]) for part in parts)


def test_the_papers_split_holds_out_fifteen_thousand():
    y = np.random.default_rng(0).permutation(np.arange(50_000) % 10)
    rows = split(y, ("train", "val"), 0, "y", validation=15_000)
    assert np.bincount(y[rows["train"]]).tolist() == [3500] * 10
    assert np.bincount(y[rows["val"]]).tolist() == [1500] * 10


def numbered(n, classes=4):
    """Images that carry their own number."""
    return np.arange(n, dtype=np.float32).reshape(n, 1, 1) % 256, np.arange(n) % classes


def test_sizes_go_through_names_and_files(tmp_path):
    assert targets.load("digits", validation=500, test=97).lengths == {"train": 1200, "val": 500, "test": 97}
    assert targets.load("digits", seed=0, validation=0.2, test=0.2).fingerprint == targets.load("digits").fingerprint
    assert targets.load("digits", validation=0.25).fingerprint != targets.load("digits").fingerprint
    x, y = numbered(200)
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y)
    assert targets.load(tmp_path / "mine.npz").lengths == {"train": 160, "val": 40}
    both = targets.load(tmp_path / "mine.npz", validation=20, test=0.3)
    assert both.lengths == {"train": 120, "val": 20, "test": 60}
    seen = np.concatenate([both.images(part, np.arange(n)).ravel() for part, n in both.lengths.items()])
    np.testing.assert_array_equal(np.sort(seen), np.arange(200))


def test_a_test_part_alone_is_split_off_beside_a_validation_part_of_its_own():
    x, y = numbered(40)
    parts = complete({"train": (x, y), "val": (x, y)}, seed=0, test=8)
    assert {part: len(labels) for part, (_, labels) in parts.items()} == {"train": 32, "val": 40, "test": 8}


@pytest.mark.parametrize(
    ("parts", "sizes", "message"),
    [
        (("train", "val"), {"validation": 0.2}, r"validation=0\.2: the data has a validation part of its own"),
        (("train", "test"), {"test": 10}, "test=10: the data has a test part of its own"),
        (("all",), {"validation": 50}, "50 for validation, 8 for test of 40 images leave 0 to train on"),
        (("all",), {"validation": 0.6, "test": 0.6}, "24 for validation, 24 for test of 40 images leave 0"),
        (("train",), {"validation": 3}, "y_train: 3 for validation are fewer than the 4 classes; hold out more"),
        (
            ("train",),
            {"validation": 0.05},
            "needs at least 20 samples of each class, class 0 has 10; pass x_val, y_val .* hold out more",
        ),
    ],
)
def test_a_size_that_cannot_be_is_refused_with_the_remedy(parts, sizes, message):
    with pytest.raises(ValueError, match=message):
        complete({part: numbered(40) for part in parts}, seed=0, **sizes)


def test_a_target_that_is_given_is_not_split_again():
    digits = targets.load("digits")
    with pytest.raises(ValueError, match="validation=10: the target 'digits' is given with its parts"):
        targets.load(digits, validation=10)
