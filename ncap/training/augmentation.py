"""Augmentation: training images that are mirrored or shifted at random, anew in every epoch.

What becomes of a sample depends on the seed of its epoch and on its place in the epoch's order alone: neither ticks nor a resumed run
change it. Validation, test and the readings of beta_eff see the images as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ncap.training.seeds import derived_seed


@dataclass(frozen=True, eq=False)
class Augmentation:
    """What becomes of each sample of one epoch, by its place in the epoch's order.

    Attributes:
        mirrored: (n,) whether left and right are exchanged.
        shifts: (n, 2) how far down and to the right the image is moved, from 0, an eighth up or left, to below 1, an eighth down or right;
            1/2 leaves it in place.
    """

    mirrored: np.ndarray
    shifts: np.ndarray

    @classmethod
    def drawn(cls, kinds: Sequence[str], count: int, *parts: str | int) -> "Augmentation":
        """Drawn for an epoch of `count` samples; kinds: "flip", "crop" or both; parts: what the seed of the epoch is derived from.

        Each kind has a generator of its own, so that one draws the same with or without the other.

        >>> epoch = Augmentation.drawn(("flip",), 1000, 0, "mlp", 0, 1)
        >>> bool(0.4 < epoch.mirrored.mean() < 0.6), bool((epoch.shifts == 0.5).all())
        (True, True)
        """
        flip, crop = (np.random.default_rng(derived_seed(*parts, kind)) for kind in ("flip", "crop"))
        mirrored = flip.random(count) < 0.5 if "flip" in kinds else np.zeros(count, bool)
        shifts = crop.random((count, 2)) if "crop" in kinds else np.full((count, 2), 0.5)
        return cls(mirrored, shifts)

    def __call__(self, images: np.ndarray, first: int) -> np.ndarray:
        """The images (b, h, w, c) of the samples at the places `first`, `first` + 1, ... as they are trained on; the same shape.

        >>> epoch = Augmentation(np.array([False, True]), np.full((2, 2), 0.5))
        >>> epoch(np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(2, 1, 2, 1), 0)[:, 0, :, 0].tolist()
        [[1.0, 2.0], [4.0, 3.0]]
        """
        places = slice(first, first + len(images))
        height, width = images.shape[1:3]
        rows = moved(height, self.shifts[places, 0])
        columns = moved(width, self.shifts[places, 1])
        columns = np.where(self.mirrored[places, np.newaxis], columns[:, ::-1], columns)
        batch = np.arange(len(images))[:, np.newaxis, np.newaxis]
        return images[batch, rows[:, :, np.newaxis], columns[:, np.newaxis, :]]


def moved(length: int, shifts: np.ndarray) -> np.ndarray:
    """The old index at every index (b, length) of an axis that is moved by whole pixels, p = length // 8 to either side; `shifts` (b,).

    As padding by p pixels that are reflected and cropping to the old length do: old = reflect(new - k), k = floor(shift (2 p + 1)) - p.
    On an axis shorter than 8 nothing moves.

    >>> moved(8, np.array([0.5, 0.9, 0.1])).tolist()
    [[0, 1, 2, 3, 4, 5, 6, 7], [1, 0, 1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6, 7, 6]]
    """
    most = length // 8
    steps = np.floor(shifts * (2 * most + 1)).astype(np.int64) - most
    index = np.arange(length) - steps[:, np.newaxis]
    return (length - 1) - np.abs((length - 1) - np.abs(index))
