"""The data sets that are known by name: where they are looked for, what they hold, and what is said where they cannot be reached."""

import keras
import numpy as np
import pytest
from scipy.io import savemat

from ncap import targets
from ncap.targets.svhn import read_mat
from ncap.testing.targets import check_target

# Copies of the same image in several parts, by data set.
COPIES = {"flowers": 3}


@pytest.mark.parametrize("name", targets.names())
@pytest.mark.filterwarnings("ignore:flowers. the same images")
def test_a_data_set_at_hand_is_what_its_description_says(shared_data, monkeypatch, name):
    monkeypatch.setenv("NCAP_DATA", str(shared_data))
    known = targets.NAMED.get(name)
    if known.at_hand() != "yes":
        pytest.skip(f"{name} is not at hand")
    target = targets.load(name)
    assert (target.name, target.input_shape, target.classes) == (name, known.input_shape, known.classes)
    assert target.parts == ("train", "val", "test")
    assert min(target.lengths.values()) > 50
    target = target.few(max(200, 2 * target.classes), seed=0)
    check_target(target, duplicates=COPIES.get(name, 0))


@pytest.mark.parametrize("name", ["birds", "flowers", "streetletters", "svhn_small"])
def test_a_file_that_nothing_downloads_is_asked_for(tmp_path, monkeypatch, name):
    file = targets.NAMED.get(name).source.partition("$NCAP_DATA/")[2]
    monkeypatch.setenv("NCAP_DATA", str(tmp_path))
    with pytest.raises(
        ValueError, match=rf"target '{name}' cannot be reached: .* has no file {file}, and nothing down"
    ):
        targets.load(name)
    assert targets.NAMED.get(name).at_hand() == "no"
    monkeypatch.delenv("NCAP_DATA")
    with pytest.raises(ValueError, match=r"NCAP_DATA is not set, so there is no file images/"):
        targets.load(name)


def test_what_keras_has_downloaded_is_at_hand(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("NCAP_DATA", raising=False)
    assert targets.NAMED.get("mnist").at_hand() == "to download"
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "mnist.npz").write_bytes(b"")
    assert targets.NAMED.get("mnist").at_hand() == "yes"


def test_keras_loader_is_used_where_there_is_no_copy(monkeypatch):
    rng = np.random.default_rng(0)
    drawn = [(rng.integers(0, 256, (n, 28, 28), np.uint8), np.arange(n) % 10) for n in (100, 50)]
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: drawn)
    monkeypatch.delenv("NCAP_DATA", raising=False)
    target = targets.load("mnist", validation=20)
    assert target.lengths == {"train": 80, "val": 20, "test": 50}


# SVHN


def written(folder, counts=(60, 30), size=8):
    """Two .mat files as they are published: channels and samples last, the digit 0 labelled 10."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for seed, (part, n) in enumerate(zip(("train", "test"), counts, strict=True)):
        images = np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), np.uint8)
        labels = np.arange(n) % 10
        published = np.where(labels == 0, 10, labels).astype(np.uint8).reshape(-1, 1)
        savemat(folder / f"{part}_32x32.mat", {"X": images.transpose(1, 2, 3, 0), "y": published})
        made.append((images, labels))
    return made


@pytest.mark.parametrize("place", ["", "images", "svhn"])
def test_svhn_is_read_from_its_published_files(tmp_path, monkeypatch, place):
    (train, labels), (test, _) = written(tmp_path / place)
    monkeypatch.setenv("NCAP_DATA", str(tmp_path))
    target = targets.load("svhn", seed=3, validation=20)
    assert (target.name, target.classes, target.lengths) == ("svhn", 10, {"train": 40, "val": 20, "test": 30})
    np.testing.assert_array_equal(target.x_test, test)
    x = np.concatenate([target.x_train, target.x_val])
    y = np.concatenate([target.y_train, target.y_val])
    found = [int(np.flatnonzero((train == image).all(axis=(1, 2, 3)))[0]) for image in x]
    np.testing.assert_array_equal(y, labels[found])
    assert targets.NAMED.get("svhn").at_hand() == "yes"


def test_svhn_in_a_folder_of_ones_own_is_a_target(tmp_path):
    written(tmp_path / "numbers")
    assert targets.load(tmp_path / "numbers").name == "numbers"
    assert targets.load(tmp_path / "numbers").lengths == {"train": 48, "val": 12, "test": 30}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"hello", r"mine\.mat: cannot be read as a \.mat file of SVHN"),
        ({"X": np.zeros((4, 4, 3, 2))}, r"X must be bytes \(h, w, c, n\) and y whole numbers"),
        (
            {"X": np.zeros((4, 4, 3, 2), np.uint8), "y": np.ones((3, 1))},
            r"got uint8 \(4, 4, 3, 2\) and float64 \(3, 1\)",
        ),
        (
            {"X": np.zeros((4, 4, 3, 2), np.uint8), "y": np.array([[11], [1]])},
            r"labels must lie in 1\.\.10, got 1 to 11",
        ),
    ],
)
def test_a_mat_file_of_something_else_is_refused_by_name(tmp_path, content, message):
    path = tmp_path / "mine.mat"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        savemat(path, content)
    with pytest.raises(ValueError, match=message):
        read_mat(path)


def test_a_mat_file_cut_short_is_refused_wherever_it_is_cut(tmp_path):
    written(tmp_path)
    content = (tmp_path / "test_32x32.mat").read_bytes()
    for length in range(0, len(content) - 1, 257):
        (tmp_path / "cut.mat").write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"cut\.mat: "):
            read_mat(tmp_path / "cut.mat")


def test_svhn_out_of_reach_names_the_places(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.utils, "get_file", refuse)
    monkeypatch.setenv("NCAP_DATA", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    with pytest.raises(ValueError, match=r"'svhn' cannot be reached: no file train_32x32\.mat in .*keras/datasets"):
        targets.load("svhn")


# TensorFlow Datasets


def test_without_tensorflow_datasets_its_names_are_refused_with_the_remedy(monkeypatch):
    monkeypatch.setattr("ncap.targets.tfds.find_spec", lambda name: None)
    with pytest.raises(
        ValueError, match=r"'tfds:mnist' is a name of TensorFlow Datasets, .*pip install tensorflow-data"
    ):
        targets.resolve("tfds:mnist")


def folder_of_pictures(folder, sizes=(6,)):
    """Class folders in split folders, as tfds.folder_dataset reads them."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for split, n in (("train", 20), ("test", 6)):
        for number in range(n):
            place = folder / split / "ab"[number % 2]
            place.mkdir(parents=True, exist_ok=True)
            size = sizes[number % len(sizes)]
            Image.fromarray(rng.integers(0, 256, (size, size, 3), np.uint8)).save(place / f"{number}.png")


def test_a_data_set_of_tensorflow_datasets_is_a_target(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets", reason="TensorFlow Datasets is not installed")
    folder_of_pictures(tmp_path)
    built = tfds.folder_dataset.ImageFolder(str(tmp_path))
    monkeypatch.setattr(tfds, "load", lambda name, batch_size: built.as_dataset())
    target = targets.load("tfds:pictures", validation=4)
    assert (target.name, target.lengths) == ("pictures", {"train": 16, "val": 4, "test": 6})
    check_target(target)
    folder_of_pictures(tmp_path, sizes=(6, 7))
    varied = tfds.folder_dataset.ImageFolder(str(tmp_path))
    monkeypatch.setattr(tfds, "load", lambda name, batch_size: varied.as_dataset())
    with pytest.raises(ValueError, match="its images differ in size; save them as files in a folder of class folders"):
        targets.load("tfds:pictures")


def test_an_unknown_name_of_tensorflow_datasets_is_refused(tmp_path, monkeypatch):
    pytest.importorskip("tensorflow_datasets", reason="TensorFlow Datasets is not installed")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(ValueError, match=r"'tfds:no_such_set' cannot be loaded: .*no_such_set"):
        targets.load("tfds:no_such_set")
