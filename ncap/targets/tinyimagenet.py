"""Fifty classes of Tiny-ImageNet at 32 x 32: thirty-five to pre-train on, and fifteen that stay a target.

From $NCAP_DATA/images/tinyimagenet32.npz: 130 training and 40 validation images a class. The collection "mini32" is pre-trained on the
thirty-five; no image of the other fifteen classes has a part in that.
"""

import os
from pathlib import Path

import numpy as np

from ncap.targets import npz
from ncap.targets.arrays import ArrayTarget
from ncap.targets.contract import Loading, Source
from ncap.targets.parts import Part

CLASSES = 50
# labels in the file: the first 15 of numpy.random.default_rng(0).permutation(50), in order
HELD_OUT = (1, 2, 3, 4, 10, 11, 18, 20, 22, 23, 24, 26, 34, 36, 47)
PRETRAINING = tuple(sorted(set(range(CLASSES)) - set(HELD_OUT)))


def file() -> Path:
    """The file with all fifty classes; ValueError where NCAP_DATA leads to none."""
    folder = os.environ.get("NCAP_DATA")
    path = Path(folder or "", "images", "tinyimagenet32.npz")
    if not folder or not path.is_file():
        raise ValueError(
            f"Tiny-ImageNet cannot be reached: NCAP_DATA is {folder!r}, with no file images/tinyimagenet32.npz; set NCAP_DATA to a folder "
            "with that file, arrays x_train, y_train, x_val, y_val of 50 classes"
        )
    return path


def class_names(labels: tuple[int, ...]) -> list[str]:
    """What the file calls the classes of these labels, such as "n01443537 goldfish, Carassius auratus"."""
    with np.load(file(), allow_pickle=False) as archive:
        return [f"{archive['wnid'][label]} {archive['names'][label]}" for label in labels]


def chosen(labels: tuple[int, ...]) -> dict[str, Part]:
    """The images of these classes, numbered 0, 1, ... in that order: {"train": (x, y), "test": (x, y)}; "test" is the published validation."""
    whole = npz.read(file(), Loading())
    parts = {"train": (whole.x_train, whole.y_train), "test": (whole.x_val, whole.y_val)}
    number = np.full(CLASSES, -1)
    number[list(labels)] = np.arange(len(labels))
    kept = {part: number[y] >= 0 for part, (_, y) in parts.items()}
    return {part: (x[kept[part]], number[y[kept[part]]]) for part, (x, y) in parts.items()}


def load(loading: Loading) -> ArrayTarget:
    """The fifteen classes that "mini32" has not seen; validation images are split off as `loading` says."""
    return ArrayTarget.from_parts("tinyimagenet15", chosen(HELD_OUT), loading.seed)


SOURCE = Source("tinyimagenet15", (32, 32, 3), len(HELD_OUT), "$NCAP_DATA/images/tinyimagenet32.npz", load)
