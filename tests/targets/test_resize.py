"""Resizing: the pixels of version 0.1, which were scipy's, to the last bit."""

import numpy as np
import pytest
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
