"""One scale for all parts of a target, decided on the largest value of all of them."""

import numpy as np
import pytest

from ncap import targets
from ncap.targets.scales import one_scale

Y = np.arange(40) % 2


def pictures(seed, top=255):
    x = np.random.default_rng(seed).integers(0, top, (40, 4, 4), np.uint8)
    x[0, 0, 0] = top
    return x


def saved(folder, **arrays):
    labels = {f"y{name[1:]}": Y for name in arrays}
    np.savez(folder / "mine.npz", **arrays, **labels)
    return folder / "mine.npz"


def test_all_parts_are_scaled_together(tmp_path):
    whole = targets.load(saved(tmp_path, x_train=pictures(0), x_val=pictures(1)))
    # the brightest of the validation images is 0.8: it was scaled as the others by luck, and now by rule
    path = saved(tmp_path, x_train=pictures(0) / 255, x_val=pictures(1) / 255)
    with pytest.warns(UserWarning, match=r"^x_train, x_val: floats in 0\.\.1 are read as fractions of 255") as said:
        fractions = targets.load(path)
    assert len(said) == 1
    for part in ("train", "val"):
        np.testing.assert_allclose(fractions.read(part, [0, 7])[0], whole.read(part, [0, 7])[0], rtol=1e-6)  # float32


@pytest.mark.parametrize("above", [1.004, 1 + 1e-6, 2.0])
@pytest.mark.parametrize("part", ["x_train", "x_val", "x_test"])
def test_a_value_just_above_1_is_refused_and_never_scales_one_part_only(tmp_path, part, above):
    """x_train / 255 beside an x_val up to 1.004 was multiplied by 255, and the x_val was not; one pixel left a whole set unscaled."""
    arrays = {name: pictures(seed) / 255 for seed, name in enumerate(["x_train", "x_val", "x_test"])}
    arrays[part][3, 2, 1] = above
    with pytest.raises(ValueError, match=rf"mine\.npz: {part}: its largest value is {above:.6g}, just above 1: .*clip"):
        targets.load(saved(tmp_path, **arrays))


@pytest.mark.parametrize("bright", [pictures(1), pictures(1).astype(np.float64), pictures(1) / 100])
def test_parts_in_two_scales_are_refused(tmp_path, bright):
    with pytest.raises(ValueError, match=r"x_train: its values lie in 0\.\.1, but those of x_val reach"):
        targets.load(saved(tmp_path, x_train=pictures(0) / 255, x_val=bright.clip(0, 255)))


def test_what_is_right_is_left_alone():
    for x in (pictures(0), pictures(0).astype(np.float32), pictures(0, top=1), np.zeros((40, 4, 4)), pictures(0) / 10):
        assert one_scale({"all": (x, Y)})["all"][0] is x
    black = one_scale({"train": (pictures(0), Y), "val": (np.zeros((40, 4, 4)), Y)})
    assert black["val"][0].max() == 0


@pytest.mark.parametrize(
    "wrong", [np.full((40, 4, 4), "a"), np.full((40, 4, 4), np.nan), -np.ones((40, 4, 4)), np.empty((0, 4))]
)
def test_what_is_no_image_is_left_for_the_check_of_images(wrong):
    assert one_scale({"train": (wrong, Y), "val": (pictures(0) / 255, Y)})["train"][0] is wrong
