"""jacob_cov: how little the Jacobians of different images correlate (Mellor et al. 2020, first version; Abdelfattah et al. 2021)."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ncap.scores.contract import Score
from ncap.scores.zero_cost.differentiation import value_and_gradients
from ncap.scores.zero_cost.network import as_arrays, batch, norms_of_the_batch, outputs

if TYPE_CHECKING:
    import keras

K = 1e-5


def jacob_cov(model: "keras.Model", images: ArrayLike, y: ArrayLike) -> float:
    """-sum_i (log(v_i + k) + 1 / (v_i + k)), v the eigenvalues of the correlations of the images' Jacobians, k = 1e-5.

    The Jacobian of image i is the gradient of the sum of all logits by its pixels. Larger is better, as published: -n is the best there is,
    of Jacobians that do not correlate. Of images (n, h, w, c); the labels are not looked at. Batch norm takes the batch's
    statistics. It does not change when the network's output is multiplied by a factor. NaN where a Jacobian is constant over the pixels.

    Raises: ValueError for images that the model cannot take.

    The Jacobian of a linear network is the same for every image: one eigenvalue is n = 2, the other 0.

    >>> import keras
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    >>> value = jacob_cov(model, [[1.0, 2.0, 3.0], [4.0, 4.0, 4.0]], [0, 1])
    >>> bool(np.isclose(value, -(np.log(2 + K) + 1 / (2 + K) + np.log(K) + 1 / K)))
    True
    """
    from keras import ops

    x, _ = batch(model, images, y)

    def total(at: list[Any]) -> Any:
        return ops.sum(outputs(model, at[0]))

    with norms_of_the_batch(model):
        _, slopes = value_and_gradients(total, [ops.convert_to_tensor(x)])
    (jacobians,) = as_arrays(slopes)
    return _of_jacobians(jacobians.reshape(len(x), -1))


def _of_jacobians(jacobians: np.ndarray) -> float:
    centred = jacobians - jacobians.mean(axis=1, keepdims=True)
    sizes = np.linalg.norm(centred, axis=1, keepdims=True)
    if not sizes.all() or not np.isfinite(sizes).all():
        return math.nan
    centred /= sizes
    v = np.maximum(np.linalg.eigvalsh(centred @ centred.T), 0)  # rounding apart, none is negative
    return -float(np.sum(np.log(v + K) + 1 / (v + K)))


SCORE = Score(
    name="jacob_cov",
    needs="network",
    source="Mellor et al., arXiv 2006.04647v1; Abdelfattah et al., ICLR 2021",
    summary="how little the images' Jacobians correlate (sign turned)",
    function=jacob_cov,
    cost="gradient",
)
