"""Targets: names, files, splits, subsets, resizing."""

import io
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest

from ncap import targets
from ncap.targets.images import as_images, complete_shape, resize, with_channels
from ncap.targets.labels import as_labels
from ncap.targets.parts import complete

PARTS = ("train", "val", "test")


def labelled(counts, shape=(4, 4), seed=0):
    """Random uint8 images, counts[c] of class c, in mixed order."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    return rng.integers(0, 256, (len(y), *shape), np.uint8), y


# images


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.full((2, 4, 4), "a"), "dtype <U1"),
        (np.zeros((2, 4, 4), bool), "dtype bool"),
        (np.zeros((2, 16)), r"shape \(n, h, w\).*got \(2, 16\)"),
        (np.zeros((0, 4, 4)), r"got \(0, 4, 4\)"),
        (np.full((1, 4, 4), -1.0), "0..255, got -1.0"),
        (np.full((1, 4, 4), 256), "0..255, got 256"),
        (np.full((1, 4, 4), np.nan), "0..255, got nan"),
    ],
)
def test_images_that_are_none_are_refused_by_name(x, message):
    with pytest.raises(ValueError, match=f"^pictures: .*{message}"):
        as_images(x, "pictures")


def test_resize_is_bilinear_at_half_pixel_centres():
    # 2 x 2 -> 3 x 3 reads rows and columns at -1/6, 1/2 and 7/6: the edge, the middle, the edge
    x = np.array([[0.0, 60.0], [120.0, 240.0]], np.float32).reshape(1, 2, 2, 1)
    expected = np.array([[0, 30, 60], [60, 105, 150], [120, 180, 240]])
    # a few float32 roundings of 240
    np.testing.assert_allclose(resize(x, 3, 3)[0, :, :, 0], expected, atol=1e-4)
    # halving averages 2 x 2 blocks
    np.testing.assert_allclose(resize(x, 1, 1).ravel(), [105], atol=1e-4)


@pytest.mark.parametrize("shape", [(16, 16), (7, 5), (40, 33), (28, 1)])
def test_resize_agrees_with_keras(shape):
    x = np.random.default_rng(0).uniform(0, 255, (3, 28, 20, 2)).astype(np.float32)
    theirs = keras.ops.image.resize(x, shape, interpolation="bilinear", data_format="channels_last")
    # the positions are computed in float64 here, in float32 there: 28 * 2^-24 * 255 per pixel step
    np.testing.assert_allclose(resize(x, *shape), np.asarray(theirs), atol=1e-3)


def test_channels_are_repeated_or_averaged():
    grey = np.array([10.0, 20.0]).reshape(1, 1, 2, 1)
    colour = np.array([10.0, 20.0, 60.0]).reshape(1, 1, 1, 3)
    np.testing.assert_array_equal(with_channels(grey, 3), np.array([[[[10.0] * 3, [20.0] * 3]]]))
    np.testing.assert_array_equal(with_channels(colour, 1), [[[[30.0]]]])
    with pytest.raises(ValueError, match="3 channels into 4"):
        complete_shape((1, 1, 3), (1, 1, 4))


# labels


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array(["cat", "dog"]), r"dtype <U3.*np\.unique"),
        (np.array([0.0, 1.0]), r"dtype float64.*np\.unique"),
        (np.array([-1, 0]), r"got -1.*np\.unique"),
        (np.eye(2, dtype=int), r"one-hot.*argmax"),
        (np.zeros((2, 2, 2), int), r"got \(2, 2, 2\)"),
    ],
)
def test_labels_that_are_no_class_numbers_are_refused_with_the_remedy(y, message):
    with pytest.raises(ValueError, match=f"^labels: .*{message}"):
        as_labels(y, "labels")


# splits


@pytest.mark.parametrize("counts", [(5, 5), (5, 6, 7), (100, 5), (37, 41, 8, 5, 23)])
@pytest.mark.parametrize("given", ["all", "train"])
def test_splits_are_a_stratified_partition(counts, given):
    _, y = labelled(counts)
    # images that carry their row's number, so that the parts can be traced back
    x = np.broadcast_to(np.arange(len(y))[:, np.newaxis, np.newaxis], (len(y), 2, 2))
    shares = {"train": 0.6, "val": 0.2, "test": 0.2} if given == "all" else {"train": 0.8, "val": 0.2}
    parts = complete({given: (x, y)}, seed=3)

    assert parts.keys() == shares.keys()
    rows = {part: x[:, 0, 0, 0].astype(int) for part, (x, _) in parts.items()}
    np.testing.assert_array_equal(np.sort(np.concatenate(list(rows.values()))), np.arange(len(y)))
    for part, (_, labels) in parts.items():
        np.testing.assert_array_equal(labels, y[rows[part]])
        share_of_each_class = np.bincount(labels, minlength=len(counts)) / counts
        # each of the two splits rounds a class by less than one sample
        assert (abs(share_of_each_class - shares[part]) < 2 / np.array(counts)).all()
        assert np.unique(labels).size == len(counts)


def test_splits_follow_the_seed():
    once, again, other = (targets.load("digits", seed) for seed in (0, 0, 1))
    for part in PARTS:
        np.testing.assert_array_equal(getattr(once, f"x_{part}"), getattr(again, f"x_{part}"))
    assert not np.array_equal(once.x_test, other.x_test)


@pytest.mark.parametrize("n", [1, 9, 30, 44, 45])
def test_a_stratified_subset_keeps_the_shares(n):
    y = labelled((30, 14, 1))[1]
    chosen = targets.stratified_subset(y, n, seed=0)
    assert len(chosen) == n == np.unique(chosen).size
    np.testing.assert_array_equal(chosen, np.sort(chosen))
    # rounding to whole samples
    assert (abs(np.bincount(y[chosen], minlength=3) - n * np.array([30, 14, 1]) / 45) < 1).all()


def test_a_stratified_subset_follows_the_seed_and_never_asks_for_more_than_there_is():
    y = labelled((30, 15))[1]
    np.testing.assert_array_equal(targets.stratified_subset(y, 9, seed=1), targets.stratified_subset(y, 9, seed=1))
    assert not np.array_equal(targets.stratified_subset(y, 9, seed=1), targets.stratified_subset(y, 9, seed=2))
    np.testing.assert_array_equal(targets.stratified_subset(y, 4096, seed=0), np.arange(45))


# targets


def test_digits_are_scaled_to_255():
    digits = targets.load("digits")
    assert digits.x_train.dtype == np.float32
    assert digits.y_train.dtype == np.int64
    assert digits.x_train.max() == 255
    assert digits.x_train.min() == 0
    assert np.unique(digits.y_train).tolist() == list(range(digits.classes))


def test_reading_converts_and_leaves_the_target_alone():
    x, y = labelled((10, 10), shape=(6, 6, 3))
    target = targets.ArrayTarget("three", x, y, x[::-1], y, None, None, classes=2)
    for part in ("train", "val"):
        images, _ = target.read(part, np.arange(20), (4, 5, 1))
        assert images.shape == (20, 4, 5, 1)
        assert images.dtype == np.float32
    assert target.input_shape == (6, 6, 3)
    # a fully convolutional body takes the images' own size
    assert target.read("train", [0], (None, 5, 3))[0].shape == (1, 6, 5, 3)
    for shape in [(4, 4), (0, 4, 1), (4, 4, None)]:
        with pytest.raises(ValueError, match=r"\(h, w, c\)"):
            target.batches("train", shape=shape)


def test_few_takes_training_images_only():
    digits = targets.load("digits")
    few = digits.few(300, seed=0)
    assert len(few.x_train) == len(few.y_train) == 300
    assert few.x_val is digits.x_val
    assert few.x_test is digits.x_test
    # 178 of 1797 images are of the rarest of ten classes, 183 of the commonest: 29 to 31 of 300
    assert set(np.bincount(few.y_train)) <= {29, 30, 31}
    np.testing.assert_array_equal(few.x_train, digits.few(300, seed=0).x_train)
    assert not np.array_equal(few.x_train, digits.few(300, seed=1).x_train)
    for n in (9, 1079):
        with pytest.raises(ValueError, match=f"10, and of training images, 1078, got {n}"):
            digits.few(n, seed=0)
    x, y = labelled((98, 1, 1))
    with pytest.raises(ValueError, match=r"3 images, .* leave a class without any"):
        targets.ArrayTarget("rare", x, y, x, y, None, None, classes=3).few(3, seed=0)


X, Y = labelled((6, 6, 6))


# .npz files


@pytest.mark.parametrize(
    ("keys", "sizes"),
    [
        (("all",), (12, 4, 4)),
        (("train",), (16, 4, None)),
        (("train", "val"), (20, 20, None)),
        (("train", "test"), (16, 4, 20)),
        (("train", "val", "test"), (20, 20, 20)),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float64])
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 1), (4, 3, 3)])
def test_npz_with_and_without_parts(tmp_path, keys, sizes, dtype, shape):
    suffixes = ["" if key == "all" else f"_{key}" for key in keys]
    given = {suffix: labelled((10, 10), shape, seed) for seed, suffix in enumerate(suffixes)}
    path = tmp_path / "mine.npz"
    np.savez(
        path,
        **{f"x{suffix}": x.astype(dtype) for suffix, (x, _) in given.items()},
        **{f"y{suffix}": y for suffix, (_, y) in given.items()},
        classes=["a", "b"],
    )
    target = targets.load(path, seed=0)
    assert target.name == "mine"
    assert target.classes == 2
    assert target.input_shape == (4, 3, shape[2] if len(shape) == 3 else 1)
    labels = (target.y_train, target.y_val, target.y_test)
    assert tuple(None if y is None else len(y) for y in labels) == sizes
    # the pixels are passed as they are: every one of the file is in one of the parts
    images = [x for x in (target.x_train, target.x_val, target.x_test) if x is not None]
    np.testing.assert_array_equal(
        np.sort(np.concatenate(images), axis=None), np.sort([x for x, _ in given.values()], axis=None)
    )


def test_a_pickle_in_an_npz_is_never_executed(tmp_path):
    marker = tmp_path / "executed"

    class Payload:
        def __reduce__(self):
            return marker.touch, ()

    path = tmp_path / "mine.npz"
    np.savez(path, x=X, y=np.array([Payload()] * len(X), dtype=object))
    with pytest.raises(ValueError, match="object arrays are pickles"):
        targets.load(path)
    assert not marker.exists()


def test_a_damaged_archive_is_refused(tmp_path):
    stream = io.BytesIO()
    np.savez(stream, x=X, y=Y)
    content = bytearray(stream.getvalue())
    # one flipped byte in the middle of the pixels: the archive's checksum tells
    with zipfile.ZipFile(stream) as archive:
        content[archive.getinfo("x.npy").header_offset + 250] ^= 0xFF
    path = tmp_path / "mine.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"mine\.npz: x cannot be read"):
        targets.load(path)


# names


def test_a_target_is_passed_through():
    digits = targets.load("digits", seed=1)
    assert targets.load(digits, seed=2) is digits


def test_named_targets_are_what_their_description_says():
    assert [row[0] for row in targets.describe()] == targets.names()
    name, input_shape, classes, _ = targets.describe()[0]
    digits = targets.load(name)
    assert (digits.name, digits.input_shape, digits.classes) == (name, input_shape, classes)


@pytest.mark.parametrize("name", ["fashion_mnist", "cifar10", "mnist"])
def test_a_folder_of_images_comes_before_a_download(tmp_path, monkeypatch, name):
    _, input_shape, _, _ = targets.describe()[targets.names().index(name)]
    (x, y), (x_test, y_test) = (labelled((10,) * 10, input_shape, seed) for seed in (0, 1))
    (tmp_path / "images").mkdir()
    np.savez(tmp_path / "images" / f"{name}.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    monkeypatch.setenv("NCAP_DATA", str(tmp_path))
    assert repr(targets.load(name)) == (
        f"Target('{name}', 80 training, 20 validation, 100 test images of shape {input_shape}, 10 classes)"
    )


def test_a_data_set_out_of_reach_names_both_ways(tmp_path, monkeypatch):
    def refuse():
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", refuse)
    monkeypatch.setenv("NCAP_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=r"has no file images/fashion_mnist\.npz, and keras\.datasets.*set NCAP_DATA"):
        targets.load("fashion_mnist")


def test_importing_the_package_stays_light():
    script = (
        "import sys; from ncap import targets; targets.describe(); targets.resolve('cifar10');"
        "print([m for m in ('sklearn', 'scipy', 'keras', 'pandas') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_npz_of_fractions_is_read_as_fractions_of_255(tmp_path):
    np.savez(tmp_path / "fractions.npz", x=X / 255, y=Y)
    np.savez(tmp_path / "whole.npz", x=X, y=Y)
    with pytest.warns(UserWarning, match=r"x: floats in 0\.\.1 are read as fractions of 255"):
        fractions = targets.load(tmp_path / "fractions.npz")
    np.testing.assert_allclose(fractions.x_train, targets.load(tmp_path / "whole.npz").x_train, rtol=1e-6)  # float32


@pytest.mark.parametrize(
    ("scaled", "said"),
    [
        (
            {"train": 1 / 255, "val": 1 / 255},
            ["x_train: its largest value is 1,", "x_val: its largest value is 1, that of x_train 1,"],
        ),
        ({"train": 1, "val": 1 / 255}, ["x_val: its largest value is 1, that of x_train 255,"]),
        ({"train": 1.2 / 255, "val": 1}, ["x_train: its largest value is 1.2,"]),
        ({"train": 1, "val": 0.5}, []),
        ({"train": 1, "val": 0}, []),
    ],
)
def test_a_part_in_another_scale_is_warned_of(scaled, said, recwarn):
    """Images in 0..1 trained and were ranked as black ones, without a word."""
    x, y = labelled([20, 20])
    x[:, 0, 0] = 255
    targets.Target.from_parts("own", {part: (x * np.float32(scale), y) for part, scale in scaled.items()}, seed=0)
    warned = [str(warning.message) for warning in recwarn]
    assert len(warned) == len(said)
    assert all(words in message for words, message in zip(said, warned, strict=True))
