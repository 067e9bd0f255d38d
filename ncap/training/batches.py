"""The training samples in the order of an epoch, read batch by batch up to the next tick."""

import math
from typing import TYPE_CHECKING

import keras
import numpy as np

from ncap.job import Place

if TYPE_CHECKING:
    from ncap.targets import Target
    from ncap.training.augmentation import Augmentation


class TrainingBatches(keras.utils.PyDataset):
    """What Keras trains on between two ticks: whole batches. In an epoch of B batches and K parts, part k has the batches

        round((k - 1) B / K) .. round(k B / K) - 1

    so an epoch has the same batches in the same order, whatever its ticks.

    >>> import numpy as np
    >>> from ncap.job import Place
    >>> from ncap.targets import Target
    >>> images, labels = np.zeros((50, 4, 4, 1), np.uint8), np.arange(50) % 2
    >>> target = Target.from_parts("black", {"train": (images, labels), "val": (images, labels)}, seed=0)
    >>> batches = TrainingBatches(target, (4, 4, 1), batch_size=8)
    >>> batches.take(np.arange(50), Place(epoch=1, part=2, parts=2))
    >>> len(batches), [len(batches[i][1]) for i in range(len(batches))]       # the last three of seven; the last one has two samples
    (3, [8, 8, 2])
    """

    def __init__(self, target: "Target", shape: tuple[int | None, int | None, int], batch_size: int) -> None:
        super().__init__()
        self.target, self.shape, self.batch_size = target, shape, batch_size
        self.first = 0  # the place in the epoch's order of the first of these
        self.augmentation: Augmentation | None = None
        self._select(np.arange(target.lengths["train"]))

    def check(self, place: Place) -> None:
        """Raise ValueError if an epoch has more ticks than batches."""
        count = math.ceil(self.target.lengths["train"] / self.batch_size)
        if place.parts > count:
            raise ValueError(
                f"ticks_per_epoch: epoch {place.epoch} has {count} batches of {self.batch_size} samples, too few for {place.parts} ticks; "
                "pass fewer ticks or a smaller batch_size"
            )

    def take(self, order: np.ndarray, place: Place, augmentation: "Augmentation | None" = None) -> None:
        """Select the batches from the previous tick up to a place, in an epoch with the given order and augmentation."""
        count = math.ceil(len(order) / self.batch_size)
        first, last = (round(part * count / place.parts) * self.batch_size for part in (place.part - 1, place.part))
        self.first, self.augmentation = first, augmentation
        self._select(order[first:last])

    def _select(self, chosen: np.ndarray) -> None:
        self.chosen = chosen
        # A stream reads a few of them ahead.
        self._batches = self.target.sequence("train", chosen, self.batch_size, self.shape)

    def __len__(self) -> int:
        """The number of batches; the last one may be smaller."""
        return math.ceil(len(self.chosen) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch `index`: images (b, h, w, c), labels (b,)."""
        images, labels = self._batches[index]
        if self.augmentation is not None:
            images = self.augmentation(images, self.first + index * self.batch_size)
        return images, labels

    def on_epoch_end(self) -> None:
        """Keep nothing in memory while the model is read and evaluated."""
        self._batches.forget()
