"""Stratified splits: each class keeps its share in every part, and a seed decides which sample goes where."""

import math
from typing import Any

import numpy as np

from ncap.arguments import part_size, seed_number, whole_number
from ncap.targets.labels import as_labels

USUAL = 0.2  # of the samples, for validation and for test: five samples of a class are enough for one in every part
Size = float | int  # a share of the samples, below 1, or a number of them
_ARGUMENTS = {"val": "validation", "test": "test"}
_ROUNDING = 1e-9
_REMEDY = "pass x_val, y_val (and x_test, y_test), hold out more, or leave the class out"


def stratified_subset(y: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Sorted indices of min(n, len(y)) samples in which each class keeps its share, up to rounding.

    y: (N,) integer labels; n: at least 1; seed: from 0 to 2^32 - 1. The same three give the same indices. Raises ValueError for
    any other labels, number or seed.

    >>> y = np.repeat([0, 1], [60, 30])
    >>> np.bincount(y[stratified_subset(y, 9, seed=0)])
    array([6, 3])
    """
    y, n, seed = as_labels(y, "y"), whole_number("n", n, least=1), seed_number(seed)
    everyone = np.arange(len(y))
    if n >= len(y):
        return everyone
    # not train_test_split, which refuses classes of one sample and remainders smaller than the number of classes
    from sklearn.utils import resample

    return np.sort(resample(everyone, replace=False, n_samples=n, stratify=y, random_state=seed))


def split(
    y: np.ndarray, parts: tuple[str, ...], seed: int, name: str, validation: Any = None, test: Any = None
) -> dict[str, np.ndarray]:
    """Disjoint sorted indices of the samples of each part, which together are all: a stratified split of y.

    Args:
        y: (N,) labels 0..C-1; `name` is what errors call them.
        parts: "train" and at least one of "val" and "test".
        seed: from 0 to 2^32 - 1.
        validation, test: a share of all samples, or a number of them; None for 20 %.

    A class of n_c samples has a number in each part that differs by less than 2 from its share of n_c. Raises ValueError for a size that
    leaves nothing to train on, and where a class would be missing from a part.

    >>> {part: len(rows) for part, rows in split(np.repeat([0, 1], 10), ("train", "val", "test"), 0, "y").items()}
    {'train': 12, 'val': 4, 'test': 4}
    >>> {part: len(rows) for part, rows in split(np.repeat([0, 1], 10), ("train", "val"), 0, "y", validation=6).items()}
    {'train': 14, 'val': 6}
    """
    wanted = _sizes(parts, len(y), validation, test)
    rest = sum(wanted.values())
    _check_sizes(y, wanted, name)
    train, others = _halves(y, rest, seed)
    if len(wanted) == 1:
        rows = {"train": train} | dict.fromkeys(wanted, others)
    else:  # of two shares their quotient, so that equal ones divide the rest evenly
        val, held = _halves(y[others], wanted["test"] / rest if rest < 1 else wanted["test"], seed)
        rows = {"train": train, "val": others[val], "test": others[held]}
    for part, chosen in rows.items():
        for label in np.setdiff1d(y, y[chosen])[:1]:
            few = np.count_nonzero(y == label)
            raise ValueError(
                f"{name}: none of the {few} samples of class {label} would be in the part {part!r}; {_REMEDY}"
            )
    return rows


def _sizes(parts: tuple[str, ...], total: int, validation: Any, test: Any) -> dict[str, Size]:
    """The sizes of the parts that are split off: shares if all are, else numbers of samples."""
    given = {"val": part_size("validation", validation), "test": part_size("test", test)}
    sizes = {part: USUAL if size is None else size for part, size in given.items() if part in parts}
    if max(sizes.values()) < 1 and sum(sizes.values()) < 1:
        return sizes
    return {part: _count(size, total) for part, size in sizes.items()}


def _count(size: Size, total: int) -> int:
    """How many of `total` samples a size is; a share is rounded up, as scikit-learn does."""
    return math.ceil(size * total) if size < 1 else int(size)


def _check_sizes(y: np.ndarray, wanted: dict[str, Size], name: str) -> None:
    """Refuse numbers of images that leave a part smaller than there are classes, and classes too rare to be in every part."""
    total, classes = len(y), np.bincount(y)
    counts = {part: _count(size, total) for part, size in wanted.items()}
    left = total - sum(counts.values())
    words = ", ".join(f"{count} for {_ARGUMENTS[part]}" for part, count in counts.items())
    if max(wanted.values()) >= 1:
        if left < len(classes):
            raise ValueError(
                f"{name}: {words} of {total} images leave {max(left, 0)} to train on, fewer than the {len(classes)} classes; hold out fewer"
            )
        if min(counts.values()) < len(classes):
            raise ValueError(f"{name}: {words} are fewer than the {len(classes)} classes; hold out more")
    shares = {part: size if size < 1 else size / total for part, size in wanted.items()}
    fewest = max(2, math.ceil(1 / min(*shares.values(), 1 - sum(shares.values())) - _ROUNDING))
    rarest = int(classes.argmin())
    if classes[rarest] < fewest:
        raise ValueError(
            f"{name}: a stratified split ({words}) needs at least {fewest} samples of each class, class {rarest} has {classes[rarest]}; "
            f"{_REMEDY}"
        )


def _halves(y: np.ndarray, size: Size, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import train_test_split

    chosen = {"test_size": size, "stratify": y, "random_state": seed_number(seed)}
    kept, held_out = train_test_split(np.arange(len(y)), **chosen)
    return np.sort(kept), np.sort(held_out)
