"""Fine-tuning: every weight of a network that is handed over is trained on, for some epochs."""

import math
from typing import TYPE_CHECKING

import keras
import numpy as np

from ncap.handover.plain import Shape
from ncap.interrupt import check
from ncap.job import Job, Place
from ncap.training import generators
from ncap.training.augmentation import Augmentation
from ncap.training.batches import TrainingBatches
from ncap.training.failure import TrainingFailedError
from ncap.training.run import make_optimizer
from ncap.training.seeds import derived_seed

if TYPE_CHECKING:
    from ncap.targets import Target


def fine_tune(model: keras.Model, job: Job, target: "Target", shape: Shape, epochs: int, name: str) -> None:
    """Train all weights of a model that returns logits, with the job's optimizer, learning rate, batch size and augmentation.

    The optimizer starts afresh. Order and random changes of an epoch follow from (seed, name, epoch), so that the same call gives the same
    weights on the same machine.

    Raises: TrainingFailedError where the loss is not finite; KeyboardInterrupt between two epochs.
    """
    model.trainable = True
    model.compile(
        make_optimizer(job),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )
    height, width, channels = shape
    assert channels is not None
    batches, length = TrainingBatches(target, (height, width, channels), job.batch_size), target.lengths["train"]
    for epoch in range(1, epochs + 1):
        check()
        parts = job.seed, name, "fine-tuning", epoch
        generators.seed(derived_seed(*parts))
        order = np.random.default_rng(derived_seed(*parts, "order")).permutation(length)
        changes = Augmentation.drawn(job.augment, length, *parts, "augment") if job.augment else None
        batches.take(order, Place(epoch, 1, 1), changes)
        loss = model.fit(batches, shuffle=False, verbose=0).history["loss"][-1]
        if not math.isfinite(loss):
            raise TrainingFailedError(epoch, f"the loss of fine-tuning is {loss}")
