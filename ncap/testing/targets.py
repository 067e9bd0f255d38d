"""The laws of `ncap.targets.Target`, for any member."""

import hashlib
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from ncap.targets import Target
from ncap.targets.images import convert
from ncap.targets.parts import Part


def check_target(target: Target, reference: Mapping[str, Part] | None = None, duplicates: int = 0) -> None:
    """Raise AssertionError unless the target keeps the laws of its contract, which the message names.

    Args:
        target: the member; its images are read several times, so give it few.
        reference: the images (n, h, w, c) and labels (n,) that each part must have, where they are known and of one size.
        duplicates: how many images of the data set itself may be in two parts.

    >>> from ncap import targets
    >>> check_target(targets.load("digits"))
    """
    _check_description(target)
    for part in target.parts:
        _check_labels(target, part)
        _check_batches(target, part)
        _check_conversion(target, part)
        _check_sample(target, part)
    _check_refusals(target)
    _check_parts_are_disjoint(target, duplicates)
    _check_few(target)
    for part, (images, labels) in (reference or {}).items():
        x, y = _whole(target, part)
        np.testing.assert_array_equal(x, np.asarray(images, np.float32), err_msg=f"images of {part}")
        np.testing.assert_array_equal(y, labels, err_msg=f"labels of {part}")


def _shape(target: Target) -> tuple[int, int, int]:
    """The shape of the images, or one to read them in where they differ in a side."""
    height, width, channels = target.input_shape
    return height or 13, width or 11, channels


def _whole(target: Target, part: str) -> Part:
    batches = list(target.batches(part, size=97, shape=_shape(target)))
    return np.concatenate([x for x, _ in batches]), np.concatenate([y for _, y in batches])


def _check_description(target: Target) -> None:
    assert isinstance(target, Target)
    assert target.name, "a target has a name"
    assert target.parts in (("train", "val"), ("train", "val", "test")), f"parts are {target.parts}"
    assert target.lengths == {part: len(target.labels(part)) for part in target.parts}
    assert min(target.lengths.values()) > 0, "a part is empty"
    assert len(target.input_shape) == 3, "an image has the shape (h, w, c)"
    assert min(_shape(target)) > 0
    if target.class_names:
        assert len(target.class_names) == target.classes, (
            f"{len(target.class_names)} names for {target.classes} classes"
        )
    assert len(target.fingerprint) == 16, "a fingerprint has 16 digits"
    assert int(target.fingerprint, 16) >= 0, "a fingerprint is hexadecimal"


def _check_labels(target: Target, part: str) -> None:
    y = target.labels(part)
    assert y.dtype == np.int64, f"labels of {part} are {y.dtype}"
    assert y.ndim == 1
    assert y.min() >= 0
    assert y.max() < target.classes, f"labels of {part} go beyond {target.classes} classes"
    if part == "train":
        assert len(np.unique(y)) == target.classes, "a class is missing from the training part"


def _check_batches(target: Target, part: str) -> None:
    """In the order asked for, each index once, the same pixels in every order and every batch size."""
    (x, y), shape = _whole(target, part), _shape(target)
    assert x.dtype == np.float32, f"images of {part} are {x.dtype}"
    assert x.shape == (target.lengths[part], *shape)
    assert x.min() >= 0, f"pixels of {part} lie below 0"
    assert x.max() <= 255, f"pixels of {part} lie above 255"
    np.testing.assert_array_equal(y, target.labels(part))
    order = np.random.default_rng(0).permutation(len(y))
    for size in (7, len(y)):
        batches = list(target.batches(part, order, size, shape))
        assert [len(labels) for _, labels in batches] == [len(order[at : at + size]) for at in range(0, len(y), size)]
        assert all(labels.dtype == np.int64 for _, labels in batches)
        np.testing.assert_array_equal(np.concatenate([labels for _, labels in batches]), y[order])
        np.testing.assert_array_equal(np.concatenate([images for images, _ in batches]), x[order])
    np.testing.assert_array_equal(target.read(part, [0, 0], shape)[0], x[[0, 0]])
    assert list(target.batches(part, [], shape=shape)) == []


def _check_conversion(target: Target, part: str) -> None:
    """A converted pixel does not depend on the images beside it; None keeps a side; grey and colour are converted into each other."""
    height, width, channels = _shape(target)
    shape = (height + 3, 2 * width, 3 if channels == 1 else 1)
    rows = np.arange(min(12, target.lengths[part]))
    together, _ = target.read(part, rows, shape)
    assert together.dtype == np.float32
    assert together.shape == (len(rows), *shape)
    alone = [x for x, _ in target.batches(part, rows[::-1], 1, shape)]
    np.testing.assert_array_equal(np.concatenate(alone)[::-1], together)
    if None in target.input_shape:
        _assert_refused(partial(target.read, part, rows), "a shape that keeps a side in which the images differ")
        _assert_refused(partial(target.images, part, rows), "an array of images that differ in size")
        return
    plain, _ = target.read(part, rows)
    np.testing.assert_array_equal(target.read(part, rows, (None, None, channels))[0], plain)
    np.testing.assert_array_equal(target.read(part, rows, target.input_shape)[0], plain)
    np.testing.assert_array_equal(convert(target.images(part, rows), shape), together)


def _check_sample(target: Target, part: str) -> None:
    n = min(20, target.lengths[part])
    rows = target.sample_rows(part, n, seed=3)
    assert len(np.unique(rows)) == n, "a sample repeats or lacks images"
    np.testing.assert_array_equal(rows, target.sample_rows(part, n, seed=3), err_msg="a seed does not fix the sample")
    shape = _shape(target)
    for ours, theirs in zip(target.sample(part, n, seed=3, shape=shape), target.read(part, rows, shape), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert len(target.sample_rows(part, target.lengths[part] + 1, seed=3)) == target.lengths[part]


def _check_refusals(target: Target) -> None:
    for rows in ([target.lengths["val"]], [-1], [0.5], [[0]]):
        _assert_refused(partial(target.read, "val", rows, _shape(target)), f"rows {rows}")
        _assert_refused(partial(target.batches, "val", rows, shape=_shape(target)), f"order {rows}, at the call,")
    absent = "validation" if "test" in target.parts else "test"
    _assert_refused(partial(target.labels, absent), f"part {absent!r}")
    _assert_refused(partial(target.read, "val", [0], (8, 8)), "a shape of two numbers")


def _assert_refused(call: Callable[[], object], what: str) -> None:
    try:
        call()
    except ValueError:
        return
    raise AssertionError(f"{what} must be refused with a ValueError")


def _check_parts_are_disjoint(target: Target, duplicates: int) -> None:
    digests = {part: {hashlib.sha256(image).digest() for image in _whole(target, part)[0]} for part in target.parts}
    shared = sum(len(digests[one] & digests[other]) for one in digests for other in digests if one < other)
    assert shared <= duplicates, f"{shared} images are in two parts"


def _check_few(target: Target) -> None:
    n = target.lengths["train"] - 1
    few, again = target.few(n, seed=5), target.few(n, seed=5)
    x, y = target.read("train", target.sample_rows("train", n, seed=5), _shape(target))
    for ours, theirs in zip(_whole(few, "train"), (x, y), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert few.fingerprint == again.fingerprint, "the same content has two fingerprints"
    assert few.fingerprint != target.fingerprint, "different content has one fingerprint"
    assert few.lengths == target.lengths | {"train": n}, "few changes another part"
