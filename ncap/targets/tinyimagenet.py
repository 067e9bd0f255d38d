"""Fifty classes of Tiny-ImageNet at 32 x 32: thirty-five to pre-train on, and fifteen that stay a target.

From $NCAP_DATA/images/tinyimagenet32.npz: 130 training and 40 validation images a class. The collection "mini32" is pre-trained on the
thirty-five; no image of the other fifteen classes has a part in that.
"""

from pathlib import Path

import numpy as np

from ncap.targets import npz
from ncap.targets.arrays import ArrayTarget, load_arrays
from ncap.targets.contract import Loading, Source
from ncap.targets.parts import Part
from ncap.targets.places import local_copy, looked_for

_FILE = "tinyimagenet32.npz"
_CLASSES = 50
# labels in the file: the first 15 of numpy.random.default_rng(0).permutation(50), in order
HELD_OUT = (1, 2, 3, 4, 10, 11, 18, 20, 22, 23, 24, 26, 34, 36, 47)
PRETRAINING = tuple(sorted(set(range(_CLASSES)) - set(HELD_OUT)))


def chosen(labels: tuple[int, ...]) -> dict[str, Part]:
    """The images of these classes, numbered 0, 1, ... in that order: {"train": (x, y), "test": (x, y)}.

    "train" is the file's x_train, "test" its x_val, the published validation part. Raises ValueError where there is no file.
    """
    whole = npz.read(_file(), Loading())
    parts = {"train": (whole.x_train, whole.y_train), "test": (whole.x_val, whole.y_val)}
    number = np.full(_CLASSES, -1)
    number[list(labels)] = np.arange(len(labels))
    kept = {part: number[y] >= 0 for part, (_, y) in parts.items()}
    return {part: (x[kept[part]], number[y[kept[part]]]) for part, (x, y) in parts.items()}


def class_names(labels: tuple[int, ...]) -> list[str]:
    """What the file calls the classes of these labels, such as "n01443537 goldfish, Carassius auratus"."""
    with np.load(_file(), allow_pickle=False) as archive:
        return [f"{archive['wnid'][label]} {archive['names'][label]}" for label in labels]


def load(loading: Loading) -> ArrayTarget:
    """The fifteen classes that "mini32" has not seen; validation images are split off as `loading` says."""
    return load_arrays(SOURCE.name, chosen(HELD_OUT), loading)


def _file() -> Path:
    path = local_copy(_FILE)
    if path is None:
        raise ValueError(
            f"Tiny-ImageNet cannot be reached: {looked_for(_FILE)}, and nothing downloads it; set NCAP_DATA to a folder with that file: "
            "x_train, y_train, x_val, y_val of 50 classes, and their wnid and names"
        )
    return path


SOURCE = Source(
    "tinyimagenet15",
    (32, 32, 3),
    len(HELD_OUT),
    f"15 classes of Tiny-ImageNet: $NCAP_DATA/images/{_FILE}",
    load,
    "ImageNet's research terms",
    lambda: "yes" if local_copy(_FILE) else "no",
)
