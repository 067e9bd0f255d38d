"""The parts of a target: pairs (images, labels) named "train", "val" and "test", or "all" before they are split."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from ncap.targets.images import as_images
from ncap.targets.labels import as_labels, count_classes
from ncap.targets.splits import hold_out, three_way

Part = tuple[np.ndarray, np.ndarray]


def as_part(x: ArrayLike, y: ArrayLike, x_name: str, y_name: str) -> Part:
    """Images (n, h, w, c) and labels (n,), checked; ValueError where they do not fit, or differ in number."""
    x, y = as_images(x, x_name), as_labels(y, y_name)
    if len(x) != len(y):
        raise ValueError(f"{x_name} has {len(x)} images, but {y_name} has {len(y)} labels")
    return x, y


def complete(parts: Mapping[str, Part], seed: int) -> dict[str, Part]:
    """The parts with what is missing split off, stratified; `seed` decides which sample goes where.

    "all" alone is split into 60 % "train", 20 % "val" and 20 % "test"; without "val", 20 % of "train" is held out; a missing "test"
    stays missing. Raises ValueError for other names, and when a class is too small to be split.

    >>> parts = complete({"train": (np.zeros((10, 8, 8)), np.repeat([0, 1], 5))}, seed=0)
    >>> {name: len(y) for name, (x, y) in parts.items()}
    {'train': 8, 'val': 2}
    """
    _check_parts(parts)
    if "all" in parts:
        x, y = as_part(*parts["all"], "x", "y")
        count_classes(y, "y")
        chosen = dict(zip(("train", "val", "test"), three_way(y, seed, "y"), strict=True))
    elif "val" not in parts:
        x, y = as_part(*parts["train"], "x_train", "y_train")
        count_classes(y, "y_train")
        chosen = dict(zip(("train", "val"), hold_out(y, 0.2, seed, "y_train"), strict=True))
    else:
        return dict(parts)
    kept = {name: part for name, part in parts.items() if name != "all"}
    return kept | {name: (x[rows], y[rows]) for name, rows in chosen.items()}


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
