"""ZiCo: how large gradients are against their variation from batch to batch (Li et al., ICLR 2023)."""

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ncap.scores.contract import Score
from ncap.scores.samples import own_order
from ncap.scores.zero_cost.network import batch, gradients

if TYPE_CHECKING:
    import keras


def zico(model: "keras.Model", images: ArrayLike, y: ArrayLike) -> float:
    """sum_l log sum_k E|g_lk| / sd(g_lk), over the kernels l and their weights k, with g the gradients of L on two halves of the batch.

    Larger is better, as published. Of logits (n, classes), images (n, h, w, c), n at least 2, and labels (n,); batch norm takes the
    statistics of each half. The halves are made by an order that the images' values decide. The published code takes the deviation of g,
    the paper that of |g|; here it is the code's, divided by the number of halves. Weights that do not vary are passed over, and kernels
    of which none varies; 0 where there is no other, and NaN for one image. It does not change when the loss is multiplied by a factor.

    Raises: ValueError for images or labels that the model cannot take.

    Without weights p = 1/2: of x = 2 and x = 1, both of the second class, g is (1, -1) and (1/2, -1/2): E = 3/4, sd = 1/4, of two weights.

    >>> import keras
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, use_bias=False)])
    >>> model.set_weights([np.zeros((1, 2))])
    >>> bool(np.isclose(zico(model, [[2.0], [1.0]], [1, 1]), np.log(3 + 3)))
    True
    """
    x, labels = batch(model, images, y)
    if len(x) < 2:
        return math.nan
    order = own_order(x.reshape(len(x), -1))
    halves = [gradients(model, x[rows], labels[rows])[1] for rows in (order[::2], order[1::2])]
    return float(sum(_of_kernel(np.stack(pair)) for pair in zip(*halves, strict=True)))


def _of_kernel(slopes: np.ndarray) -> float:
    """log of the sum over the weights; 0 where none varies. slopes: (halves, ...)."""
    size, spread = np.abs(slopes).mean(axis=0), slopes.std(axis=0)
    varies = spread > 0
    total = float((size[varies] / spread[varies]).sum())
    return math.log(total) if total else 0.0


def one_image(model: "keras.Model", images: ArrayLike, y: ArrayLike) -> str:
    """Why there are no two halves: "" where there are two images at least."""
    return "one image makes no two halves" if len(np.asarray(images)) < 2 else ""


SCORE = Score(
    name="zico",
    needs="network",
    source="Li et al., ICLR 2023",
    summary="size of the gradients against their variation between batches",
    function=zico,
    undefined=one_image,
    cost="gradient",
)
