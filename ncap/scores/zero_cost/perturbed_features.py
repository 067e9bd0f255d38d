"""Zen: how far a small change of the input moves the features of a network with Gaussian weights (Lin et al., ICCV 2021)."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ncap.scores.contract import Score
from ncap.scores.zero_cost.network import (
    as_arrays,
    batch,
    features,
    gaussian_weights,
    norms_of_the_batch,
    outputs,
    pixels,
)

if TYPE_CHECKING:
    import keras

ALPHA = 0.01


def zen(model: "keras.Model", images: ArrayLike, y: ArrayLike) -> float:
    """log E sum_j |f_j(x) - f_j(x + alpha e)| + sum_b 1/2 log mean_c s_bc^2, with x and e from N(0, 1), alpha = 0.01.

    f are the features before the last global pooling, of kernels drawn from N(0, 1) with a fixed seed; biases are 0, and norms neither
    scale nor shift; s_bc^2 is the variance of channel c that goes into batch norm b, over the batch at x + alpha e. The second sum undoes
    what the norms take away. Larger is better, as published. The noise has the shape of the images and reaches the first kernel as it is;
    neither their values nor the labels are looked at. Distances are sums of magnitudes, as in the published code, where the paper has
    Frobenius norms, and shortcuts stay: in NAS-Bench-201 they are part of the choice. A norm that gets a constant is passed over. NaN
    where the features do not depend on the input.

    Raises: ValueError for images that the model cannot take, and where what stands before the first kernel cannot be inverted.

    >>> import keras
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3), keras.layers.Dense(2)])
    >>> zen(model, [[5.0], [7.0]], [0, 1]) == zen(model, [[1.0], [2.0]], [1, 0])
    True
    """
    x, _ = batch(model, images, y)
    body, generator = features(model), np.random.default_rng(0)
    weights = gaussian_weights(body, generator)
    noise, change = generator.normal(size=(2, *x.shape))
    variances: list[Any] = []
    images_at, images_beside = pixels(model, noise), pixels(model, noise + ALPHA * change)
    with norms_of_the_batch(body):
        at = outputs(body, images_at, weights)
    with norms_of_the_batch(body, variances):
        beside = outputs(body, images_beside, weights)
    first, second = as_arrays([at, beside])
    moved = np.abs(first - second).sum() / len(x)
    spreads = [float(one.mean()) for one in as_arrays(variances)]
    if not moved:
        return math.nan
    return math.log(moved) + sum(math.log(spread) / 2 for spread in spreads if spread)


SCORE = Score(
    name="zen",
    needs="network",
    source="Lin et al., ICCV 2021",
    summary="how far a small change of the input moves the features",
    function=zen,
)
