"""What every target keeps, however its images are stored.

Laws, tested over every member by `ncap.testing.targets.check_target`:

1. The parts are "train", "val" and, where there is one, "test"; no sample is in two of them. Every class 0..classes-1 occurs in "train".
2. `batches` yields float32 images (b, h, w, c) with values 0..255 and int64 labels (b,), in the order asked for, each index once;
   only the last batch may be smaller.
3. A pixel does not depend on how it is read: alone, in a batch of any size, in any order, twice.
4. Images are converted batch by batch, as `ncap.targets.images.convert` does: channels first, then the size. (A JPEG that shrinks to a
   half or less may be decoded at a half, a quarter or an eighth at once.) Nothing of the size of a whole part is made in the shape asked
   for. Images that differ in size are read in a shape that says both sides, and in no other.
5. Equal fingerprints mean equal images and labels in all parts, and the same content from the same kind of source has the same
   fingerprint. By default it is that of the pixels, which arrays and a stream of them share; a folder has that of its files' bytes.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import numpy as np

from ncap.arguments import as_array, one_of, part_size, seed_number, whole_number
from ncap.targets.ahead import Ahead
from ncap.targets.fingerprint import content_fingerprint
from ncap.targets.images import OwnShape, complete_shape, convert
from ncap.targets.parts import Part
from ncap.targets.splits import stratified_subset

Shape = Sequence[int | None]


class Target(ABC):
    """One data set, split for training, validation and test: what a member defines, and what follows from it.

    A member defines `name`, `classes`, `input_shape`, `parts`, `labels`, `images` and `with_training_rows`; everything else is derived.
    One that decodes its images overrides `converted`, to do so in parallel.

    Attributes:
        class_names: what the classes are called, in the order of their labels; () where they have no names.
        read_ahead: how many batches are read before they are asked for, in a thread of their own; 0 for data in memory.
    """

    name: str
    classes: int
    class_names: tuple[str, ...] = ()
    read_ahead: int = 0

    @property
    @abstractmethod
    def input_shape(self) -> OwnShape:
        """Height, width and channels of an image as it is stored; None for a side in which the images differ."""

    @property
    @abstractmethod
    def parts(self) -> tuple[str, ...]:
        """("train", "val") or ("train", "val", "test")."""

    @abstractmethod
    def labels(self, part: str) -> np.ndarray:
        """The labels of a part, int64 (n,), values 0..classes-1; ValueError for a part that the target does not have."""

    @abstractmethod
    def images(self, part: str, rows: np.ndarray) -> np.ndarray:
        """The images of a part at `rows` (b,), in that order, (b, h, w, c) of any number type, values 0..255.

        Raises ValueError where images differ in size.
        """

    def converted(self, part: str, rows: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
        """The images of a part at `rows` (b,), in that order, each as law 4 says: float32 (b, *shape)."""
        return convert(self.images(part, rows), shape)

    @abstractmethod
    def with_training_rows(self, rows: np.ndarray) -> Self:
        """The target whose training part is its `rows` (b,), in that order; the other parts are the same."""

    @classmethod
    def from_parts(
        cls,
        name: str,
        parts: Mapping[str, Part],
        seed: int,
        *,
        validation: float | int | None = None,
        test: float | int | None = None,
    ) -> "Target":
        """A target of arrays in memory: {"train": (images, labels)[, "val"][, "test"]} or {"all": (images, labels)}.

        `seed` splits off what is missing, as much as `validation` and `test` say: see `ncap.targets.ArrayTarget.from_parts`.

        >>> x, y = np.zeros((20, 8, 8), np.uint8), np.repeat([0, 1], 10)
        >>> Target.from_parts("black", {"all": (x, y)}, seed=0)
        Target('black', 12 training, 4 validation, 4 test images of shape (8, 8, 1), 2 classes)
        """
        arrays = import_module("ncap.targets.arrays")  # by name: the contract does not depend on its members
        target: Target = arrays.ArrayTarget.from_parts(name, parts, seed, validation=validation, test=test)
        return target

    def __repr__(self) -> str:
        """Sizes and shapes, not the pixels."""
        return (
            f"Target({self.name!r}, {self.lengths['train']} training, {self.lengths['val']} validation, "
            f"{self.lengths.get('test', 'no')} test images of shape {self.input_shape}, {self.classes} classes)"
        )

    @cached_property
    def fingerprint(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of all images (as float32) and labels; reads everything once."""
        return content_fingerprint(self)

    @cached_property
    def shared_images(self) -> dict[tuple[str, str], int]:
        """How many images of the second part of a pair are in the first too, byte for byte; pairs that share none are left out.

        {} for a member that would have to read its images to tell.
        """
        return {}

    @property
    def lengths(self) -> dict[str, int]:
        """The number of samples of each part that the target has."""
        return {part: len(self.labels(part)) for part in self.parts}

    def check_part(self, part: str) -> str:
        """The part itself; ValueError where the target does not have it."""
        if part not in self.parts:
            raise ValueError(
                f"part must be one of {', '.join(map(repr, self.parts))} of {self.name!r:.80}, got {part!r:.80}"
            )
        return part

    def read(self, part: str, rows: Any, shape: Shape | None = None) -> Part:
        """The samples at `rows` (b,): images float32 (b, h, w, c) in `shape`, labels int64 (b,).

        Args:
            part: "train", "val" or "test".
            rows: indices from 0 to `lengths[part]` - 1, in any order.
            shape: (h, w, c) to convert to: one channel is repeated, several are averaged into one, and the size is interpolated bilinearly,
                after averaging over boxes where it shrinks to a half or less; None for h or w keeps the image's own, None for the whole
                keeps all three.

        Raises: ValueError for a part that is missing, rows out of range, and a shape that the images cannot take, or that keeps a side in
        which they differ.

        >>> from ncap import targets
        >>> x, y = targets.load("digits").read("train", [5, 0], shape=(16, 16, 3))
        >>> x.shape, x.dtype, y.shape
        ((2, 16, 16, 3), dtype('float32'), (2,))
        """
        rows = self._rows(part, rows, "rows")
        shape = complete_shape(self.input_shape, shape)
        return self.converted(part, rows, shape), self.labels(part)[rows]

    def batches(self, part: str, order: Any = None, size: int = 64, shape: Shape | None = None) -> Iterator[Part]:
        """The samples of a part, `size` at a time, as `read` returns them.

        Args:
            part: "train", "val" or "test".
            order: the indices to read, (n,); None reads every index from the first to the last.
            size: samples in a batch; the last batch may be smaller.
            shape: as in `read`.

        Raises: as `read` does, at the call and not at the first batch.

        >>> from ncap import targets
        >>> digits = targets.load("digits")
        >>> [len(y) for x, y in digits.batches("val", size=200)]
        [200, 159]
        """
        return iter(self.sequence(part, order, size, shape))

    def sequence(self, part: str, order: Any = None, size: int = 64, shape: Shape | None = None) -> Ahead[Part]:
        """The same batches by number: a sequence, quickest to read from the first to the last.

        >>> from ncap import targets
        >>> batches = targets.load("digits").sequence("val", size=200)
        >>> len(batches), len(batches[1][1])
        (2, 159)
        """
        rows, size = self._rows(part, order, "order"), whole_number("size", size, least=1)
        whole = complete_shape(self.input_shape, shape)

        def batch(number: int) -> Part:
            return self.read(part, rows[number * size : (number + 1) * size], whole)

        return Ahead(batch, math.ceil(len(rows) / size), self.read_ahead)

    def sample_rows(self, part: str, n: int, seed: int) -> np.ndarray:
        """Sorted indices of min(n, length) samples of a part in which each class keeps its share; `seed` decides which."""
        return stratified_subset(self.labels(self.check_part(part)), n, seed)

    def sample(self, part: str, n: int, seed: int, shape: Shape | None = None) -> Part:
        """A stratified sample of min(n, length) images float32 (b, h, w, c) in `shape`, and their labels int64 (b,).

        Raises ValueError as `read` does, for n < 1 and for a seed outside 0..2^32-1.

        >>> from ncap import targets
        >>> x, y = targets.load("digits").sample("train", 20, seed=0)
        >>> np.bincount(y)
        array([2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
        """
        return self.read(part, self.sample_rows(part, n, seed), shape)

    def view(self, part: str, rows: Any, shape: Shape | None = None) -> "View":
        """The images at `rows` (b,) in `shape`, none of them read before a slice is asked for. Raises ValueError as `read` does.

        >>> from ncap import targets
        >>> images = targets.load("digits").view("train", [5, 0, 7], shape=(16, 16, 3))
        >>> len(images), images.shape, images[1:].shape
        (3, (3, 16, 16, 3), (2, 16, 16, 3))
        """
        return View(self, part, self._rows(part, rows, "rows"), complete_shape(self.input_shape, shape))

    def few(self, n_train: int, seed: int) -> Self:
        """The target with a stratified sample of `n_train` training images; validation and test stay the same.

        Raises ValueError when n_train is more than there are, or leaves a class without any image.

        >>> from ncap import targets
        >>> targets.load("digits").few(100, seed=0)
        Target('digits', 100 training, 359 validation, 360 test images of shape (8, 8, 1), 10 classes)
        """
        available = self.lengths["train"]
        if not self.classes <= whole_number("n_train", n_train) <= available:
            raise ValueError(
                f"n_train: must lie between the number of classes, {self.classes}, and of training images, {available}, got {n_train}"
            )
        rows = self.sample_rows("train", n_train, seed)
        if len(np.unique(self.labels("train")[rows])) < self.classes:
            raise ValueError(
                f"n_train: {n_train} images, each class by its share, leave a class without any; take more"
            )
        return self.with_training_rows(rows)

    def _rows(self, part: str, rows: Any, name: str) -> np.ndarray:
        length = len(self.labels(self.check_part(part)))
        if rows is None:
            return np.arange(length)
        given, rows = rows, as_array(name, rows)
        if rows.ndim != 1 or (rows.dtype.kind not in "ui" and rows.size):
            raise ValueError(f"{name} must be a list of indices of the {part} part, whole numbers, got {given!r:.80}")
        if rows.size and not 0 <= rows.min() <= rows.max() < length:
            outside = rows[(rows < 0) | (rows >= length)][0]
            raise ValueError(f"{name} must lie in 0..{length - 1}, the indices of the {part} part, got {outside}")
        return rows.astype(np.int64)


@dataclass(frozen=True, eq=False)
class View:
    """Images of a target that are read and converted when a slice of them is asked for; `shape` is (n, h, w, c)."""

    target: Target
    part: str
    rows: np.ndarray
    image_shape: tuple[int, int, int]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, h, w, c)."""
        return (len(self.rows), *self.image_shape)

    def __len__(self) -> int:
        """The number of images."""
        return len(self.rows)

    def __getitem__(self, index: slice) -> np.ndarray:
        """The images of a slice, float32 (b, h, w, c)."""
        return self.target.read(self.part, self.rows[index], self.image_shape)[0]


@dataclass(frozen=True)
class Loading:
    """How a target is loaded: what decides its parts, and what becomes of files that cannot be read.

    Attributes:
        seed: of the splits, from 0 to 2^32 - 1.
        validation, test: what is split off for a part that the data lacks: a share (below 1) or a number of images; None for the usual
            shares, 20 % each.
        on_bad: "fail" refuses a target with damaged files, naming them; "skip" leaves them out, and says so.
    """

    seed: int = 0
    validation: float | int | None = None
    test: float | int | None = None
    on_bad: str = "fail"

    def __post_init__(self) -> None:
        """Check every field."""
        seed_number(self.seed)
        for part in ("validation", "test"):
            object.__setattr__(self, part, part_size(part, getattr(self, part)))
        one_of("on_bad", self.on_bad, ("fail", "skip"))


@dataclass(frozen=True)
class Source:
    """A target that can be loaded by name, described without reading it.

    `input_shape` is (h, w, c), `source` says where the data comes from, and `licence` under which terms. `at_hand()` is a word on whether
    loading needs a network: "yes", "to download", or "no" where nothing can be downloaded.
    """

    name: str
    input_shape: tuple[int, int, int]
    classes: int
    source: str
    load: Callable[[Loading], Target]
    licence: str = ""
    at_hand: Callable[[], str] = lambda: "yes"


@dataclass(frozen=True)
class Format:
    """A way to keep a target on disk.

    `accepts(path)` tells whether a path is meant for this format, `check(path)` raises ValueError where it cannot be one, without reading
    what it holds, and `read(path, loading)` loads it. `what` ends the message about an unknown target.
    """

    what: str
    accepts: Callable[[Path], bool]
    check: Callable[[Path], None]
    read: Callable[[Path, Loading], Target]
