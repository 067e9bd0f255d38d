"""NASWOT: how differently a network switches its rectified units for different images (Mellor et al., ICML 2021)."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ncap.scores.contract import Score
from ncap.scores.zero_cost.network import as_arrays, batch, layers_of, norms_of_the_batch, outputs, recorded

if TYPE_CHECKING:
    import keras

RECTIFIED = ("relu", "relu6", "leaky_relu")


def naswot(model: "keras.Model", images: ArrayLike, y: ArrayLike) -> float:
    """log |det K|, K_ij the number of rectified units that images i and j switch alike, on (above 0) or off.

    Larger is better, as published. Of a network with layers of relu, relu6 or leaky relu, and of images (n, h, w, c); the labels are not
    looked at. Batch norm takes the batch's statistics. NaN where K is singular, as where two images switch all units alike, and where
    no unit is rectified. It does not change when the units are permuted, or scaled by positive factors.

    Raises: ValueError for images that the model cannot take.

    Three units; image 1 switches on the first and the last, image 2 the last two: one alike, and K = [[3, 1], [1, 3]].

    >>> import keras
    >>> units = keras.layers.Dense(3, "relu", use_bias=False)
    >>> model = keras.Sequential([keras.Input((2,)), units, keras.layers.Dense(2)])
    >>> units.set_weights([np.array([[1.0, -1.0, 1.0], [-1.0, 1.0, 1.0]])])
    >>> bool(np.isclose(naswot(model, [[2.0, 1.0], [1.0, 2.0]], [0, 1]), np.log(8)))
    True
    """
    x, _ = batch(model, images, y)
    rectified = _rectified(model)
    kernel = np.zeros((len(x), len(x)))
    with recorded(rectified) as found, norms_of_the_batch(model):
        outputs(model, x)
    for units in as_arrays(found):
        kernel += _alike(units.reshape(len(x), -1) > 0)
    sign, value = np.linalg.slogdet(kernel)
    return float(value) if sign > 0 and math.isfinite(value) else math.nan


def _alike(codes: np.ndarray) -> np.ndarray:
    """How many of the codes (n, units) of every two images are equal: (n, n). In float32, which counts up to 2^24 exactly."""
    on, off = codes.astype(np.float32), (~codes).astype(np.float32)
    return (on @ on.T + off @ off.T).astype(np.float64)


def _rectified(model: "keras.Model") -> list[Any]:
    from keras import layers

    named = [one for one in layers_of(model) if getattr(getattr(one, "activation", None), "__name__", "") in RECTIFIED]
    return [*layers_of(model, layers.ReLU, layers.LeakyReLU), *named]


def no_rectified_unit(model: "keras.Model", images: ArrayLike, y: ArrayLike) -> str:
    """Why there are no codes: "" where the network has a rectified unit."""
    return "" if _rectified(model) else f"no layer of the network has one of the activations {', '.join(RECTIFIED)}"


SCORE = Score(
    name="naswot",
    needs="network",
    source="Mellor et al., ICML 2021",
    summary="log-determinant of how alike images switch the rectified units",
    function=naswot,
    undefined=no_rectified_unit,
)
