"""GradSign: on how many weights the images agree which way to go (Zhang and Jia, ICLR 2022)."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ncap.scores.contract import Score
from ncap.scores.zero_cost.network import batch, gradients

if TYPE_CHECKING:
    import keras


def grad_sign(model: "keras.Model", images: ArrayLike, y: ArrayLike) -> float:
    """sum_k |sum_i sign(dL_i/dtheta_k)|, with L_i the loss of image i alone.

    Larger is better, as published. Of logits (n, classes), images (n, h, w, c) and labels (n,). Every image is a batch of its own, as in
    the published code, and so batch norm takes the statistics over the places of that image alone.

    Raises: ValueError for images or labels that the model cannot take.

    Without weights p = 1/2 everywhere, so that x > 0 of either class pulls both weights apart: two images agree, or cancel out.

    >>> import keras
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, use_bias=False)])
    >>> model.set_weights([np.zeros((1, 2))])
    >>> grad_sign(model, [[2.0], [1.0]], [1, 1]), grad_sign(model, [[2.0], [1.0]], [1, 0])
    (4.0, 0.0)
    """
    x, labels = batch(model, images, y)
    votes: list[np.ndarray] = []
    for i in range(len(x)):
        _, slopes = gradients(model, x[i : i + 1], labels[i : i + 1])
        signs = [np.sign(slope) for slope in slopes]
        votes = [vote + sign for vote, sign in zip(votes, signs, strict=True)] if votes else signs
    return float(sum(np.abs(vote).sum() for vote in votes))


SCORE = Score(
    name="grad_sign",
    needs="network",
    source="Zhang and Jia, ICLR 2022",
    summary="on how many weights the images agree which way to go",
    function=grad_sign,
    undefined=lambda model, images, y: "",
    cost="gradient",
)
