"""Target: the images and labels of one data set, split for training, validation and test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from ncap.arguments import whole_number
from ncap.data.images import resize, with_channels
from ncap.data.labels import as_labels, count_classes
from ncap.data.parts import Part, as_part, complete
from ncap.data.splits import stratified_subset


@dataclass(frozen=True, eq=False, repr=False)
class Target:
    """One data set: images float32 (n, h, w, c) with values 0..255, labels int64 (n,) with values 0..classes-1.

    x_test and y_test are None for a target without a test part. Arrays of other number types, (n, h, w) images and
    (n, 1) labels are converted; ValueError names the array that does not fit.
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
        """Convert and check the arrays, part by part against the training part."""
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"name: a target is named by a text that is not empty, got {self.name!r:.80}")
        object.__setattr__(self, "classes", whole_number("classes", self.classes, least=2))
        if (self.x_test is None) != (self.y_test is None):
            raise ValueError("x_test and y_test must be given together, or both be None")
        for part in ("train", "val") if self.x_test is None else ("train", "val", "test"):
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

    @classmethod
    def from_parts(cls, name: str, parts: Mapping[str, Part], seed: int) -> Self:
        """The target made of (images, labels) under "train"[, "val"][, "test"], or "all"; `seed` splits off the rest.

        Stratified: only "all" gives 60/20/20 %, no "val" takes 20 % of "train", no "test" leaves None. Raises ValueError
        as the class does, and when a class is too small to be split.

        >>> x, y = np.zeros((20, 8, 8), np.uint8), np.repeat([0, 1], 10)
        >>> Target.from_parts("black", {"all": (x, y)}, seed=0)
        Target('black', 12 training, 4 validation, 4 test images of shape (8, 8, 1), 2 classes)
        """
        whole = complete(parts, seed)
        x_test, y_test = whole.get("test", (None, None))
        classes = count_classes(as_labels(whole["train"][1], "y_train"), "y_train")
        return cls(name, *whole["train"], *whole["val"], x_test, y_test, classes)

    def __repr__(self) -> str:
        """Sizes and shapes, not the pixels."""
        test = "no" if self.y_test is None else len(self.y_test)
        return (
            f"Target({self.name!r}, {len(self.y_train)} training, {len(self.y_val)} validation, {test} test images "
            f"of shape {self.input_shape}, {self.classes} classes)"
        )

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one image."""
        _, height, width, channels = self.x_train.shape
        return height, width, channels

    def resized(self, input_shape: tuple[int | None, int | None, int]) -> Self:
        """The target with images of shape (h, w, c): resized bilinearly, channels repeated or averaged; None keeps h or w.

        Raises ValueError for a shape that is not three positive integers and for channels that neither rule converts.

        >>> from ncap import data
        >>> data.load("digits").resized((16, 16, 3)).input_shape
        (16, 16, 3)
        """
        if isinstance(input_shape, str) or not isinstance(input_shape, Sequence | np.ndarray) or len(input_shape) != 3:
            raise ValueError(f"input_shape: images have the shape (h, w, c), got {input_shape!r:.80}")
        sides = [own if side is None else side for own, side in zip(self.input_shape[:2], input_shape, strict=False)]
        try:
            height, width, channels = (whole_number("side", n, least=1) for n in (*sides, input_shape[2]))
        except ValueError:
            raise ValueError(
                f"input_shape: images are resized to (h, w, c), positive integers or None for h and w, got {tuple(input_shape)}; "
                "give the candidate's Input a definite number of channels"
            ) from None

        def converted(x: np.ndarray) -> np.ndarray:
            return resize(with_channels(x, channels), height, width)

        x_test = None if self.x_test is None else converted(self.x_test)
        return replace(self, x_train=converted(self.x_train), x_val=converted(self.x_val), x_test=x_test)

    def few(self, n_train: int, seed: int) -> Self:
        """The target with a stratified subset of `n_train` training images; validation and test are untouched.

        Raises ValueError when n_train is more than there are, or leaves a class without any image.

        >>> from ncap import data
        >>> data.load("digits").few(100, seed=0)
        Target('digits', 100 training, 359 validation, 360 test images of shape (8, 8, 1), 10 classes)
        """
        if not self.classes <= whole_number("n_train", n_train) <= len(self.y_train):
            raise ValueError(
                f"n_train: must lie between the number of classes, {self.classes}, and of training images, "
                f"{len(self.y_train)}, got {n_train}"
            )
        chosen = stratified_subset(self.y_train, n_train, seed)
        if len(np.unique(self.y_train[chosen])) < self.classes:
            raise ValueError(
                f"n_train: {n_train} images, each class by its share, leave a class without any; take more"
            )
        return replace(self, x_train=self.x_train[chosen], y_train=self.y_train[chosen])
