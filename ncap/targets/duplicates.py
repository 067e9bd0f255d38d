"""Images that lie in two parts of a target, byte for byte: what was trained on is then counted as seen for the first time."""

import hashlib
import warnings
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ncap.targets.contract import Target

_CHUNK = 512  # images that are read at a time


def shared_images(target: "Target") -> dict[tuple[str, str], int]:
    """How many images of the second part of a pair are in the first as well, with the same bytes; pairs that share none are left out.

    Every image is read once and hashed.

    >>> from ncap.targets import Target
    >>> x, y = np.arange(40, dtype=np.uint8).reshape(10, 2, 2) * 6, np.arange(10) % 2
    >>> shared_images(Target.from_parts("mine", {"train": (x, y), "val": (x[:3], y[:3])}, seed=0))
    {('train', 'val'): 3}
    """
    hashes = {part: _hashes(target, part) for part in target.parts}
    counts = {(one, two): int(np.isin(hashes[two], hashes[one]).sum()) for one, two in combinations(hashes, 2)}
    return {pair: count for pair, count in counts.items() if count}


def _hashes(target: "Target", part: str) -> np.ndarray:
    """Sixteen bytes per image; of two different ones they agree with probability 2^-128."""
    found = np.empty(len(target.labels(part)), "V16")
    for start in range(0, len(found), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(found)))
        for row, image in zip(rows, np.ascontiguousarray(target.images(part, rows)), strict=True):
            found[row] = hashlib.blake2b(image.data.cast("B"), digest_size=16).digest()
    return found


def words(shared: dict[tuple[str, str], int]) -> str:
    """The counts in words.

    >>> words({("train", "val"): 3, ("train", "test"): 1})
    '3 of val are in train, 1 of test is in train'
    """
    return ", ".join(
        f"{count} of {two} {'is' if count == 1 else 'are'} in {one}" for (one, two), count in shared.items()
    )


def warn_of_duplicates(target: "Target") -> None:
    """Warn of images that are in two parts."""
    if shared := target.shared_images:
        warnings.warn(
            f"{target.name}: the same images are in several parts ({words(shared)}); accuracies on them say less, so leave one copy out",
            stacklevel=4,
        )
