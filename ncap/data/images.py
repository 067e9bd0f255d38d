"""Images as ncap passes them: float32 of shape (n, h, w, c), values 0..255."""

import numpy as np
from numpy.typing import ArrayLike

from ncap.arguments import as_array


def as_images(x: ArrayLike, name: str) -> np.ndarray:
    """x as float32 of shape (n, h, w, c); a missing channel axis is added.

    x: integers or floats from 0 to 255, shape (n, h, w) or (n, h, w, c); `name` is what an error calls it.
    Raises ValueError for another dtype or shape, for no images, for channels that come first, and for values that are not finite
    or out of range.

    >>> as_images(np.zeros((2, 8, 8), np.uint8), "x").shape
    (2, 8, 8, 1)
    """
    given, x = x, as_array(name, x)
    if x.dtype.kind not in "uif":
        got = f"dtype {x.dtype}" if x.ndim else f"{given!r:.80}"
        raise ValueError(f"{name}: images must be integers or floats from 0 to 255, got {got}")
    if x.ndim not in (3, 4) or 0 in x.shape:
        raise ValueError(f"{name}: images must have shape (n, h, w) or (n, h, w, c), none of them 0, got {x.shape}")
    if x.ndim == 4 and x.shape[1] in (1, 3) and min(x.shape[2:]) > 4:
        raise ValueError(
            f"{name}: images must have shape (n, h, w, c), got {x.shape}, where the channels seem to come first; "
            "pass x.transpose(0, 2, 3, 1)"
        )
    # min and max are NaN as soon as one value is, and a comparison with NaN is false
    lowest, highest = x.min(), x.max()
    if not (lowest >= 0 and highest <= 255):
        raise ValueError(
            f"{name}: values must lie in 0..255, got {lowest} to {highest}; rescale them before saving, "
            "normalising is the candidate's own first layer"
        )
    return np.asarray(x if x.ndim == 4 else x[..., np.newaxis], np.float32)


def resize(x: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear interpolation at half-pixel centres, edges repeated, no smoothing before shrinking.

    Output pixel i reads the input at (i + 1/2) h_in / h_out - 1/2, as keras.ops.image.resize does; scipy.ndimage does it
    here, so that no Keras backend has a say. x: (n, h, w, c) -> (n, height, width, c).

    >>> resize(np.array([0.0, 100.0]).reshape(1, 1, 2, 1), 1, 4).ravel()
    array([  0.,  25.,  75., 100.])
    """
    if x.shape[1:3] == (height, width):
        return x
    from scipy.ndimage import zoom

    factors = (1, height / x.shape[1], width / x.shape[2], 1)
    return zoom(x, factors, order=1, mode="nearest", grid_mode=True)


def with_channels(x: np.ndarray, channels: int) -> np.ndarray:
    """One channel is repeated, several are averaged into one; x: (n, h, w, c) -> (n, h, w, channels).

    Raises ValueError for any other pair, 4 -> 3 for instance: which channels to drop is not ours to guess.

    >>> with_channels(np.array([[[[30.0, 60.0, 90.0]]]]), 1).ravel()
    array([60.])
    """
    if channels == x.shape[-1]:
        return x
    if x.shape[-1] == 1:
        return np.repeat(x, channels, axis=-1)
    if channels == 1:
        return np.asarray(x.mean(axis=-1, keepdims=True))
    raise ValueError(
        f"cannot turn images of {x.shape[-1]} channels into {channels}: one channel is repeated, several are averaged "
        "into one; convert the images before loading them"
    )
