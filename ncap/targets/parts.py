"""The parts of a target: pairs (images, labels) named "train", "val" and "test", or "all" before they are split."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ncap.targets.images import as_images
from ncap.targets.labels import as_labels, count_classes
from ncap.targets.splits import split

Part = tuple[np.ndarray, np.ndarray]


def as_part(x: ArrayLike, y: ArrayLike, x_name: str, y_name: str) -> Part:
    """Images (n, h, w, c) and labels (n,), checked; ValueError where they do not fit, or differ in number."""
    x, y = as_images(x, x_name), as_labels(y, y_name)
    if len(x) != len(y):
        raise ValueError(f"{x_name} has {len(x)} images, but {y_name} has {len(y)} labels")
    return x, y


def complete(parts: Mapping[str, Part], seed: int, validation: Any = None, test: Any = None) -> dict[str, Part]:
    """The parts with what is missing split off, stratified; `seed` decides which sample goes where.

    "all" alone is split into training, validation and test; without "val", validation is split off "train", and a missing "test" is split
    off it only if `test` says how much. validation, test: a share of what is split, or a number of images; None for 20 %. Raises ValueError
    for other names, for the size of a part that is there, and when a class is too rare to be split.

    >>> parts = complete({"train": (np.zeros((10, 8, 8)), np.repeat([0, 1], 5))}, seed=0)
    >>> {name: len(y) for name, (x, y) in parts.items()}
    {'train': 8, 'val': 2}
    """
    _check_parts(parts)
    whole = "all" if "all" in parts else "train"
    split_off = missing_parts(parts, validation, test)
    if not split_off:
        return dict(parts)
    x_name, y_name = ("x", "y") if whole == "all" else ("x_train", "y_train")
    x, y = as_part(*parts[whole], x_name, y_name)
    count_classes(y, y_name)
    chosen = split(y, ("train", *split_off), seed, y_name, validation, test)
    kept = {name: part for name, part in parts.items() if name != "all"}
    return kept | {name: (x[rows], y[rows]) for name, rows in chosen.items()}


def missing_parts(present: Collection[str], validation: Any = None, test: Any = None) -> tuple[str, ...]:
    """What is to be split off the part "all" or "train" of data that has the parts `present`: some of "val" and "test".

    Raises ValueError where `validation` or `test` is given for a part that is present.

    >>> missing_parts({"all"}), missing_parts({"train"}), missing_parts({"train"}, test=0.1), missing_parts({"train", "val"})
    (('val', 'test'), ('val',), ('val', 'test'), ())
    """
    for part, name, size in (("val", "validation", validation), ("test", "test", test)):
        if size is not None and part in present:
            raise ValueError(
                f"{name}={size!r:.80}: the data has a {name} part of its own, and nothing is split off for another; leave {name} out"
            )
    wanted = ("val", "test") if "all" in present or test is not None else ("val",)
    return tuple(part for part in wanted if part not in present)


def _check_parts(parts: Mapping[str, Part]) -> None:
    names = set(parts) if isinstance(parts, Mapping) else set()
    if names != {"all"} and not {"train"} <= names <= {"train", "val", "test"}:
        got = sorted(names, key=str) if names else f"{parts!r:.80}"
        raise ValueError(
            f'parts must be {{"all": (x, y)}}, or "train" with or without "val" and "test", each a pair (x, y), got {got}'
        )
    for name, part in parts.items():
        if not isinstance(part, tuple | list) or len(part) != 2:
            raise ValueError(f"parts[{name!r}] must be a pair (x, y) of images and labels, got {type(part).__name__}")
