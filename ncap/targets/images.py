"""Images as ncap passes them: shape (n, h, w, c), values 0..255, float32 in the shape that a candidate takes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ncap.arguments import as_array, whole_number

if TYPE_CHECKING:
    from ncap.targets.interpolation import Taps

OwnShape = tuple[int | None, int | None, int]  # a side is None where images differ in it
Spans = tuple[float, float]  # height and width in pixels, the last of which may be a part of one


def as_images(x: ArrayLike, name: str) -> np.ndarray:
    """The images x as an array (n, h, w, c) of their own number type, not copied; a missing channel axis is added.

    x: integers or floats from 0 to 255, (n, h, w) or (n, h, w, c); `name` is what errors call them. Raises ValueError for any other
    dtype or shape, for no images, for channels that come first, and for values that are not finite or out of range.

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
    return x if x.ndim == 4 else x[..., np.newaxis]


def complete_shape(own: OwnShape, shape: Sequence[int | None] | None) -> tuple[int, int, int]:
    """The shape (h, w, c) that images of the shape `own` are converted to; None keeps h, w, or all three.

    own: None for a side that is not the same for all images; such a side cannot be kept. Raises ValueError where it would be, for a shape
    that is not three positive integers, and for channels that cannot be converted: which ones to drop from four, for instance, is not ours
    to guess.

    >>> complete_shape((8, 8, 1), (None, 16, 3)), complete_shape((None, None, 3), (32, 32, 3))
    ((8, 16, 3), (32, 32, 3))
    >>> complete_shape((None, None, 3), (None, None, 3))
    Traceback (most recent call last):
    ValueError: shape: the images are of several sizes, and what reads them takes any, got (None, None, 3); say which side they are to \
have, such as --size 224 (from Python size=224, or shape=(224, 224, 3))
    """
    if shape is None:
        shape = own
    if isinstance(shape, str) or not isinstance(shape, Sequence | np.ndarray) or len(shape) != 3:
        raise ValueError(f"shape: images have the shape (h, w, c), got {shape!r:.80}")
    sides = [mine if side is None else side for mine, side in zip(own[:2], shape, strict=False)]
    if None in sides:
        raise ValueError(
            f"shape: the images are of several sizes, and what reads them takes any, got {tuple(shape)}; say which side they are to have, "
            "such as --size 224 (from Python size=224, or shape=(224, 224, 3))"
        )
    try:
        height, width, channels = (whole_number("side", n, least=1) for n in (*sides, shape[2]))
    except ValueError:
        raise ValueError(
            f"shape: images are resized to (h, w, c), positive integers or None for h and w, got {tuple(shape)}; "
            "give the candidate's Input a definite number of channels"
        ) from None
    if channels != own[2] and 1 not in (channels, own[2]):
        raise ValueError(
            f"shape: cannot turn images of {own[2]} channels into {channels}: one channel is repeated, several are averaged "
            "into one; convert the images before loading them"
        )
    return height, width, channels


def convert(
    x: np.ndarray, shape: tuple[int, int, int], spans: Spans | None = None, out: np.ndarray | None = None
) -> np.ndarray:
    """Images x (b, h, w, c) of any number type as float32 (b, *shape): first the channels, then the size.

    What shrinks to a half or less is averaged over boxes first, so that no pixel is skipped, and the rest of the way is interpolated: see
    `average` and `resize`. Along a side that shrinks to more than a half, or grows, this is bilinear interpolation alone.

    spans: how many pixels of x the images are high and wide, where the last row or column stands for less than a whole one.
    out: a contiguous array for the result.

    >>> stripes = np.tile(np.array([0, 90, 0], np.uint8), 4).reshape(1, 1, 12, 1)
    >>> convert(stripes, (1, 4, 1)).ravel(), resize(stripes.astype(np.float32), 1, 4).ravel()      # by interpolation alone, all white
    (array([30., 30., 30., 30.], dtype=float32), array([90., 90., 90., 90.], dtype=float32))
    """
    height, width, channels = shape
    high, wide = spans or (float(x.shape[1]), float(x.shape[2]))
    boxes = max(1, int(high // height)), max(1, int(wide // width))
    if channels < x.shape[-1]:
        x = with_channels(np.asarray(x, np.float32), channels)
    smaller = average(x, *boxes)
    if smaller.dtype.kind == "f":  # rounded as the images of a target are; integers are exact in either type
        smaller = smaller.astype(np.float32, copy=False)
    return resize(with_channels(smaller, channels), height, width, (high / boxes[0], wide / boxes[1]), out)


def average(x: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The means over boxes of rows x columns pixels; the last ones, where the sides are no multiples, are of fewer.

    x: (n, h, w, c) -> (n, ceil(h / rows), ceil(w / columns), c), float32; x itself for boxes of one pixel. Bytes are summed exactly.

    >>> average(np.array([0, 10, 20, 60, 40], np.uint8).reshape(1, 1, 5, 1), 1, 2).ravel()
    array([ 5., 40., 40.], dtype=float32)
    """
    if rows == columns == 1:
        return x
    sums = _sum(_sum(x, 1, rows), 2, columns)
    n, height, width, channels = sums.shape
    counts = np.multiply.outer(_lengths(x.shape[1], rows), np.repeat(_lengths(x.shape[2], columns), channels))
    means = sums.reshape(n, height, width * channels) / counts
    return means.astype(np.float32).reshape(sums.shape)


def _sum(x: np.ndarray, axis: int, length: int) -> np.ndarray:
    """Sums of `length` neighbours along an axis; the last may be of fewer."""
    if length == 1:
        return x
    # Two bytes hold the sum of 257 bytes, four that of any box.
    kind = {1: np.uint16, 2: np.uint32}.get(x.dtype.itemsize, np.uint64) if x.dtype.kind == "u" else np.float64
    if x.dtype.kind == "u" and length > 257:
        kind = np.uint64
    x = x.astype(kind)  # once: numpy is slow where it converts while it adds
    along = (slice(None),) * axis
    sums = x[(*along, slice(0, None, length))].copy()
    for start in range(1, length):
        step = x[(*along, slice(start, None, length))]
        kept = sums[(*along, slice(0, step.shape[axis]))]
        if axis == 1:
            kept += step
            continue
        for channel in range(x.shape[-1]):  # numpy is slow at runs of three
            kept[..., channel] += step[..., channel]
    return sums


def _lengths(length: int, box: int) -> np.ndarray:
    return np.minimum(box, length - np.arange(0, length, box))


def with_channels(x: np.ndarray, channels: int) -> np.ndarray:
    """One channel repeated, or several averaged into one; x: (n, h, w, c) -> (n, h, w, channels).

    >>> with_channels(np.array([[[[30.0, 60.0, 90.0]]]]), 1).ravel()
    array([60.])
    """
    if channels == x.shape[-1]:
        return x
    if x.shape[-1] == 1:
        return np.repeat(x, channels, axis=-1)
    return np.asarray(x.mean(axis=-1, keepdims=True))


def resize(
    x: np.ndarray, height: int, width: int, spans: Spans | None = None, out: np.ndarray | None = None
) -> np.ndarray:
    """Bilinear interpolation at half-pixel centres, edges repeated, no smoothing before shrinking.

    Output pixel i reads the input at p = (i + 1/2) h_in / h_out - 1/2, clipped to 0..h_in-1, as keras.ops.image.resize does:
    (1 - t) x[k] + t x[k+1] with k = floor(p), t = p - k. Computed here in float64, one axis after the other, so that a pixel depends
    neither on Keras' backend nor on the images beside it. x: (n, h, w, c) of any number type -> float32 (n, height, width, c).

    spans: h_in and w_in in the formula where they are not those of x: the last pixel may be a part of one.
    out: a contiguous array for the result.

    >>> resize(np.array([0, 100], np.float32).reshape(1, 1, 2, 1), 1, 4).ravel()
    array([  0.,  25.,  75., 100.], dtype=float32)
    """
    spans = spans or (float(x.shape[1]), float(x.shape[2]))
    if out is None:
        out = np.empty((len(x), height, width, x.shape[3]), np.float32)
    if x.shape[1:3] == (height, width) == spans:
        out[...] = x
        return out
    from ncap.targets.interpolation import interpolate  # loads numba

    interpolate(x, _taps(x.shape[1], height, spans[0]), _taps(x.shape[2], width, spans[1]), out)
    return out


def _taps(old: int, length: int, span: float) -> "Taps":
    from ncap.targets.interpolation import Taps

    at = np.clip((np.arange(length) + 0.5) * span / length - 0.5, 0, old - 1)
    low = np.minimum(at.astype(np.int64), max(old - 2, 0))
    return Taps(low, np.minimum(low + 1, old - 1), at - low)
