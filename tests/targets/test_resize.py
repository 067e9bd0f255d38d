"""Resizing: the pixels of version 0.1, which were scipy's, to the last bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import zoom

from ncap import targets
from ncap.targets.images import resize


def pixels_of_0_1(x, height, width):
    factors = (1, height / x.shape[1], width / x.shape[2], 1)
    return zoom(x, factors, order=1, mode="nearest", grid_mode=True)


def test_the_digits_of_the_demo_are_the_same_bits():
    digits = targets.load("digits").few(400, seed=0)
    x, _ = digits.read("train", np.arange(400), (16, 16, 1))
    np.testing.assert_array_equal(x, pixels_of_0_1(digits.x_train, 16, 16))


@pytest.mark.parametrize("shape", [(16, 16), (7, 5), (64, 64), (224, 224), (40, 33), (28, 1), (1, 1)])
def test_other_images_are_the_same_up_to_rounding(shape):
    x = np.random.default_rng(0).uniform(0, 255, (3, 28, 20, 3)).astype(np.float32)
    # both interpolate in float64 and round once: at most one unit of float32 at 255, 2^-16
    np.testing.assert_allclose(resize(x, *shape), pixels_of_0_1(x, *shape), rtol=0, atol=2**-16)


def test_one_pixel_fills_an_image():
    np.testing.assert_array_equal(resize(np.full((2, 1, 1, 1), 7, np.float32), 3, 2), np.full((2, 3, 2, 1), 7))


def by_the_formula(x, height, width):
    """Pixel by pixel: p = (i + 1/2) h_in / h_out - 1/2, clipped, and (1 - t) x[k] + t x[k + 1] along either axis."""

    def place(i, old, new):
        p = min(max((i + 0.5) * old / new - 0.5, 0), old - 1)
        k = min(int(p), max(old - 2, 0))
        return k, min(k + 1, old - 1), p - k

    rows = [place(i, x.shape[1], height) for i in range(height)]
    columns = [place(j, x.shape[2], width) for j in range(width)]
    wide = x.astype(np.float64)
    lines = [(1 - t) * wide[:, a] + t * wide[:, b] for a, b, t in rows]
    return np.stack([np.stack([(1 - t) * one[:, a] + t * one[:, b] for a, b, t in columns], 1) for one in lines], 1)


SIDE = st.integers(1, 9)


@given(SIDE, SIDE, SIDE, SIDE, st.integers(1, 3), st.integers(0, 2**16))
def test_it_is_the_formula_and_a_mean_of_pixels(h, w, height, width, channels, seed):
    x = np.random.default_rng(seed).uniform(0, 255, (3, h, w, channels)).astype(np.float32)
    resized = resize(x, height, width)
    assert (resized.shape, resized.dtype) == ((3, height, width, channels), np.float32)
    np.testing.assert_allclose(resized, by_the_formula(x, height, width), rtol=0, atol=2**-16)
    # nothing lies outside the image's own values, and no image or channel reaches into another
    assert (resized >= x.min(axis=(1, 2), keepdims=True)).all()
    assert (resized <= x.max(axis=(1, 2), keepdims=True)).all()
    np.testing.assert_array_equal(resize(x[1:2, :, :, :1], height, width), resized[1:2, :, :, :1])


@pytest.mark.parametrize("shape", [(11, 9), (6, 5), (3, 12)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, np.float32])
def test_the_number_type_and_who_owns_the_memory_do_not_matter(shape, dtype):
    x = np.random.default_rng(0).integers(0, 256, (7, 6, 5, 3))
    out = np.full((9, *shape, 3), -1, np.float32)
    resize(x.astype(dtype), *shape, out=out[1:8])
    np.testing.assert_array_equal(out[1:8], resize(x.astype(np.float32), *shape))
    assert (out[[0, 8]] == -1).all()
