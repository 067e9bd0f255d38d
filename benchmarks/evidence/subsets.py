"""The targets of the protocol: data sets cut to its sizes, and sub-targets, which are made of a parent's classes.

A sub-target named "cifar10-07" is the eighth of CIFAR-10: 4 to 10 classes and 500 to 1,000 images for training and validation, both drawn
evenly by a generator of (seed, name), the classes without replacement, the images stratified; its test images are all of the parent's test
part in these classes. Sub-targets of one parent share images, so that they are exchangeable at most among each other.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np

from benchmarks.evidence.protocol import Protocol, Tier
from ncap import targets
from ncap.targets import ArrayTarget
from ncap.targets.splits import stratified_subset
from ncap.training.seeds import derived_seed


def load(protocol: Protocol, tier: Tier, name: str) -> ArrayTarget:
    """A target of a tier; the same call gives the same images in the same order."""
    if protocol.parent(name) != name:
        return subtarget(
            whole(protocol.content["splits"]["seed"], protocol.parent(name)), name, protocol.content["subtargets"]
        )
    seed, sizes = protocol.content["splits"]["seed"], protocol.content["targets"][name]
    target = targets.load(name, seed, **sizes)
    return target.few(tier.training, seed) if target.lengths["train"] > tier.training else target


@lru_cache(maxsize=2)
def whole(seed: int, name: str) -> ArrayTarget:
    """A parent, with the loader's own split."""
    return targets.load(name, seed)


def subtarget(parent: ArrayTarget, name: str, plan: dict[str, Any]) -> ArrayTarget:
    """A few classes and images of a parent.

    Args:
        name: of the sub-target; with the plan's seed, it decides what is drawn.
        plan: `classes` and `images`, each (least, most); `validation`, the share of the images; `seed`.

    Returns: a target whose classes are numbered 0, 1, ... in the order of the parent's labels; training and validation images come from
    the parent's training and validation parts, test images from its test part.

    >>> x, y = np.arange(1200, dtype=np.uint8).reshape(-1, 1, 1, 1) % 250 + np.zeros((1, 4, 4, 1), np.uint8), np.arange(1200) % 6
    >>> parent = ArrayTarget.from_parts("steps", {"train": (x, y), "test": (x[:60], y[:60])}, seed=0)
    >>> part = subtarget(parent, "steps-00", {"classes": [4, 10], "images": [500, 1000], "validation": 0.25, "seed": 0})
    >>> 4 <= part.classes <= 6, 500 <= part.lengths["train"] + part.lengths["val"] <= 1000, part.lengths["test"] == 10 * part.classes
    (True, True, True)
    """
    rng = np.random.default_rng(derived_seed(plan["seed"], name))
    x, y = (np.concatenate([getattr(parent, f"{side}_{part}") for part in ("train", "val")]) for side in "xy")
    (fewest, most), (few, many) = plan["classes"], plan["images"]
    fewest = max(fewest, math.ceil(few / np.bincount(y).min()))  # so that there are images enough
    classes = np.sort(rng.permutation(parent.classes)[: rng.integers(fewest, min(most, parent.classes) + 1)])
    images = int(rng.integers(few, many + 1))
    seed = int(rng.integers(2**31))
    rows = np.flatnonzero(np.isin(y, classes))
    rows = rows[stratified_subset(np.searchsorted(classes, y[rows]), images, seed)]
    tested = np.isin(parent.y_test, classes)
    parts = {
        "train": (x[rows], np.searchsorted(classes, y[rows])),
        "test": (parent.x_test[tested], np.searchsorted(classes, parent.y_test[tested])),
    }
    return ArrayTarget.from_parts(name, parts, seed, validation=plan["validation"])
