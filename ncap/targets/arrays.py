"""ArrayTarget: a target whose images are arrays in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from ncap.arguments import is_name, whole_number
from ncap.targets.contract import Loading, Target
from ncap.targets.duplicates import shared_images
from ncap.targets.labels import as_labels, count_classes
from ncap.targets.parts import Part, as_part, complete
from ncap.targets.scales import one_scale, warn_of_scales


@dataclass(frozen=True, eq=False, repr=False)
class ArrayTarget(Target):
    """Images (n, h, w, c) with values 0..255 in the number type given, labels int64 (n,) with values 0..classes-1.

    x_test and y_test are None for a target without a test part. Images (n, h, w) get a channel axis, labels (n, 1) are flattened;
    ValueError names the array that does not fit. A part without a value of 32 or more is warned of, unless it is all 0: it seems to be in
    another scale, such as 0..1. The images are not copied: bytes stay bytes, and become float32 batch by batch.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray
    x_test: np.ndarray | None
    y_test: np.ndarray | None
    classes: int

    def __post_init__(self) -> None:
        """Check the arrays, part by part against the training part."""
        if not is_name(self.name):
            rule = "written in UTF-8" if self.name and isinstance(self.name, str) else "not empty"
            raise ValueError(f"name: a target is named by a text that is {rule}, got {self.name!r:.80}")
        object.__setattr__(self, "classes", whole_number("classes", self.classes, least=2))
        if (self.x_test is None) != (self.y_test is None):
            raise ValueError("x_test and y_test must be given together, or both be None")
        for part in self.parts:
            x_name, y_name = f"x_{part}", f"y_{part}"
            x, y = as_part(getattr(self, x_name), getattr(self, y_name), x_name, y_name)
            object.__setattr__(self, x_name, x)
            object.__setattr__(self, y_name, y)
            if part == "train" and count_classes(y, y_name) != self.classes:
                raise ValueError(f"classes={self.classes}, but y_train has {y.max() + 1} classes")
            if x.shape[1:] != self.input_shape:
                raise ValueError(f"{x_name}: images of shape {x.shape[1:]}, but x_train has {self.input_shape}")
            if y.max() >= self.classes:
                raise ValueError(f"{y_name}: label {y.max()}, but the classes of y_train are 0..{self.classes - 1}")
        warn_of_scales({part: getattr(self, f"x_{part}") for part in self.parts})

    @classmethod
    def from_parts(
        cls,
        name: str,
        parts: Mapping[str, Part],
        seed: int,
        *,
        validation: float | int | None = None,
        test: float | int | None = None,
    ) -> Self:
        """The target made of (images, labels) under "train"[, "val"][, "test"], or "all"; `seed` splits off the rest.

        Stratified: "all" alone is split into 60 % training, 20 % validation and 20 % test; without "val", 20 % of "train" is held out;
        without "test" there is no test part. `validation` and `test` give another share, or a number of images; with `test`, a test part
        is split off "train" too. Raises ValueError as the class does, for the size of a part that is there, and when a class is too rare
        to be split.

        >>> x, y = np.zeros((20, 8, 8), np.uint8), np.repeat([0, 1], 10)
        >>> ArrayTarget.from_parts("black", {"train": (x, y)}, seed=0)
        Target('black', 16 training, 4 validation, no test images of shape (8, 8, 1), 2 classes)
        """
        whole = complete(parts, seed, validation, test)
        x_test, y_test = whole.get("test", (None, None))
        classes = count_classes(as_labels(whole["train"][1], "y_train"), "y_train")
        return cls(name, *whole["train"], *whole["val"], x_test, y_test, classes)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        _, height, width, channels = self.x_train.shape
        return height, width, channels

    @cached_property
    def shared_images(self) -> dict[tuple[str, str], int]:
        """How many images of the second part of a pair are in the first too; every image is hashed once."""
        return shared_images(self)

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that there are."""
        return ("train", "val") if self.y_test is None else ("train", "val", "test")

    def labels(self, part: str) -> np.ndarray:
        """The labels of a part."""
        y: np.ndarray = getattr(self, f"y_{self.check_part(part)}")
        return y

    def images(self, part: str, rows: np.ndarray) -> np.ndarray:
        """The images of a part at `rows`."""
        x: np.ndarray = getattr(self, f"x_{self.check_part(part)}")
        return x[rows]

    def with_training_rows(self, rows: np.ndarray) -> Self:
        """The target whose training part is its `rows`, which are copied."""
        return replace(self, x_train=self.x_train[rows], y_train=self.y_train[rows])


def load_arrays(name: str, parts: Mapping[str, Part], loading: Loading) -> ArrayTarget:
    """The target made of arrays that were read from somewhere: in one scale, and split as `loading` says.

    Raises ValueError as `ArrayTarget.from_parts` and `ncap.targets.scales.one_scale` do.
    """
    return ArrayTarget.from_parts(
        name, one_scale(parts), loading.seed, validation=loading.validation, test=loading.test
    )
