"""Shrinking to a half or less: means over boxes first, so that no pixel is skipped; everything else as before, to the last bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncap.targets.images import average, convert, resize

sides = st.integers(1, 40)
dtypes = st.sampled_from([np.uint8, np.uint16, np.uint32, np.int64, np.float32, np.float64])


def drawn(height, width, dtype=np.uint8, channels=3):
    return np.random.default_rng(height * 100 + width).integers(0, 256, (2, height, width, channels)).astype(dtype)


@given(sides, sides, st.integers(1, 9), st.integers(1, 9), dtypes)
def test_averages_are_means_over_boxes(height, width, rows, columns, dtype):
    x = drawn(height, width, dtype)
    found = average(x, rows, columns)
    assert found.shape == (2, -(-height // rows), -(-width // columns), 3)
    for row in range(found.shape[1]):
        for column in range(found.shape[2]):
            box = x[:, row * rows : (row + 1) * rows, column * columns : (column + 1) * columns].astype(np.float64)
            np.testing.assert_allclose(found[:, row, column], box.mean(axis=(1, 2)), rtol=1e-6)


@pytest.mark.parametrize("box", [1, 256, 257, 300, 1000])
def test_white_bytes_stay_white_however_large_the_box(box):
    np.testing.assert_array_equal(average(np.full((1, box + 1, box, 1), 255, np.uint8), box, box), 255)


@given(sides, sides, sides, sides, dtypes)
def test_what_shrinks_to_more_than_a_half_or_grows_is_interpolated_alone(height, width, high, wide, dtype):
    x = drawn(height, width, dtype)
    if height < 2 * high and width < 2 * wide:
        np.testing.assert_array_equal(convert(x, (high, wide, 3)), resize(x.astype(np.float32), high, wide))


def test_a_half_has_the_bits_that_interpolation_alone_gives():
    np.testing.assert_array_equal(convert(drawn(64, 32), (32, 16, 3)), resize(drawn(64, 32).astype(np.float32), 32, 16))


@given(st.integers(8, 300), st.integers(2, 20))
def test_what_rises_evenly_rises_evenly_at_the_same_place(old, new):
    """Pixel i of the shrunk ramp has the value of the ramp at its own centre, (i + 1/2) old / new - 1/2, but for the clipped edges."""
    new = min(new, old // 2)
    ramp = np.tile(np.arange(old, dtype=np.float64).reshape(1, 1, old, 1) * 200 / old, (1, 1, 1, 1))
    found = convert(ramp, (1, new, 1)).ravel()
    wanted = ((np.arange(new) + 0.5) * old / new - 0.5) * 200 / old
    box = old // new
    inside = ((np.arange(new) + 0.5) * old / new >= box / 2) & (
        (np.arange(new) + 0.5) * old / new <= (old // box - 0.5) * box
    )
    np.testing.assert_allclose(found[inside], wanted[inside], rtol=0, atol=1e-4)
    assert inside.any()


def test_fine_stripes_become_grey_and_not_a_pattern():
    """Black and white lines of a pixel, shrunk by 4 2/3: interpolation alone makes stripes of them that no one has photographed."""
    stripes = np.zeros((1, 224, 224, 1), np.uint8)
    stripes[:, :, ::2] = 255
    shrunk, aliased = convert(stripes, (48, 48, 1)), resize(stripes.astype(np.float32), 48, 48)
    np.testing.assert_allclose(shrunk, 127.5)
    assert np.ptp(aliased) > 80


@pytest.mark.parametrize(("own", "wanted"), [(1, 3), (3, 1), (3, 3)])
def test_channels_are_converted_before_the_size(own, wanted):
    x = drawn(30, 50, np.uint8, own)
    grey = x.astype(np.float64).mean(axis=-1, keepdims=True) if wanted == 1 else x
    expected = np.broadcast_to(convert(grey, (7, 9, grey.shape[-1])), (2, 7, 9, wanted))
    np.testing.assert_allclose(convert(x, (7, 9, wanted)), expected, rtol=1e-5)
