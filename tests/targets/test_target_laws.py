"""The laws of the contract, over arrays, files, names and a stream from disk."""

import tracemalloc
from dataclasses import dataclass, replace

import numpy as np
import pytest

import ncap
from ncap import targets
from ncap.registry import Registry
from ncap.targets import Format, Target
from ncap.targets import catalog as targets_catalog
from ncap.testing.targets import check_target


def drawn(counts, shape, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    return rng.integers(0, 256, (len(y), *shape), np.uint8), y


PARTS = {
    "train": drawn((12, 9, 9), (6, 5, 3), 1),
    "val": drawn((4, 5, 6), (6, 5, 3), 2),
    "test": drawn((3, 3, 3), (6, 5, 3), 3),
}


@dataclass(frozen=True, eq=False, repr=False)
class Folder(Target):
    """A stream: one file per image, opened when a batch asks for it."""

    name: str
    folder: object
    classes: int
    rows: dict
    known: dict

    @classmethod
    def written(cls, folder, parts):
        for part, (images, _) in parts.items():
            for row, image in enumerate(images):
                np.save(folder / f"{part}{row}.npy", image)
        labels = {part: np.asarray(y, np.int64) for part, (_, y) in parts.items()}
        return cls("stream", folder, 3, {part: np.arange(len(y)) for part, y in labels.items()}, labels)

    input_shape = (6, 5, 3)

    @property
    def parts(self):
        return tuple(self.known)

    def labels(self, part):
        return self.known[self.check_part(part)][self.rows[part]]

    def images(self, part, rows):
        files = [self.folder / f"{part}{row}.npy" for row in self.rows[part][rows]]
        return np.stack([np.load(file) for file in files]) if files else np.empty((0, 6, 5, 3), np.uint8)

    def with_training_rows(self, rows):
        return replace(self, rows=self.rows | {"train": self.rows["train"][rows]})


@pytest.mark.parametrize("names", [("train", "val"), ("train", "val", "test")])
def test_arrays_and_a_stream_keep_the_laws_and_give_the_same_batches(tmp_path, names):
    parts = {name: PARTS[name] for name in names}
    stream, arrays = Folder.written(tmp_path, parts), Target.from_parts("arrays", parts, seed=0)
    check_target(stream, parts)
    check_target(arrays, parts)
    order = np.random.default_rng(7).permutation(30)
    for shape in (None, (16, 16, 3), (3, 4, 1)):
        ours, theirs = (list(target.batches("train", order, 8, shape)) for target in (stream, arrays))
        for (x, y), (images, labels) in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(x, images)
            np.testing.assert_array_equal(y, labels)
    assert stream.fingerprint == arrays.fingerprint
    assert stream.few(10, 0).fingerprint == arrays.few(10, 0).fingerprint


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
def test_arrays_of_any_number_type_keep_the_laws(dtype):
    x, y = drawn((10, 12), (7, 4))
    check_target(Target.from_parts("typed", {"all": (x.astype(dtype), y)}, seed=0))


def test_files_keep_the_laws(tmp_path):
    np.savez(
        tmp_path / "mine.npz",
        **{f"x_{part}": x for part, (x, _) in PARTS.items()},
        **{f"y_{part}": y for part, (_, y) in PARTS.items()},
    )
    check_target(targets.load(tmp_path / "mine.npz"), PARTS)


def broken(**wrong):
    """A target of arrays of which one thing is wrong."""
    kind = type("Broken", (targets.ArrayTarget,), wrong)
    return kind.from_parts("broken", PARTS, seed=0)


RIGHT = targets.ArrayTarget


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"images": lambda self, part, rows: RIGHT.images(self, part, np.sort(rows))}, "not equal"),
        ({"images": lambda self, part, rows: RIGHT.images(self, part, rows) + np.uint8(len(rows) == 7)}, "not equal"),
        ({"images": lambda self, part, rows: RIGHT.images(self, "train", rows)}, "images are in two parts|not equal"),
        ({"images": lambda self, part, rows: RIGHT.images(self, part, rows) / 255 - 1}, "lie below 0"),
        ({"labels": lambda self, part: RIGHT.labels(self, part).astype(np.int32)}, "are int32"),
        ({"labels": lambda self, part: np.maximum(RIGHT.labels(self, part), 1)}, "a class is missing"),
        ({"check_part": lambda self, part: "val"}, "must be refused"),
        ({"with_training_rows": lambda self, rows: self}, "not equal|mismatch"),
        ({"fingerprint": "0" * 16}, "different content has one fingerprint"),
    ],
)
def test_the_kit_sees_what_breaks_a_law(wrong, message):
    with pytest.raises(AssertionError, match=message):
        check_target(broken(**wrong), PARTS)


def test_the_kit_sees_images_in_two_parts_and_another_content():
    repeated = Target.from_parts("repeated", PARTS | {"val": PARTS["train"]}, seed=0)
    with pytest.raises(AssertionError, match="30 images are in two parts"):
        check_target(repeated)
    check_target(repeated, duplicates=30)
    with pytest.raises(AssertionError, match="labels of val"):
        check_target(Target.from_parts("t", PARTS, 0), PARTS | {"val": (PARTS["val"][0], PARTS["val"][1][::-1])})


# memory


def test_bytes_are_not_copied_and_stay_bytes():
    x, y = drawn((500, 500), (16, 16, 3))
    tracemalloc.start()
    target = targets.ArrayTarget("bytes", x, y, x[:9], y[:9], None, None, 2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert target.x_train is x
    assert peak < x.nbytes / 4  # labels, and the sums of the checks


def test_training_never_holds_a_resized_copy_of_the_training_set():
    """6,400 images of 4 x 4 bytes in colour, read at 32 x 32 in batches of 64: as float32, all would be 100 batches of 768 KiB."""
    x, y = drawn((3200, 3200), (4, 4, 3))
    target = targets.ArrayTarget("small", x, y, x[:9], y[:9], None, None, 2)
    batch = 64 * 32 * 32 * 3 * 4
    assert 6400 // 64 == 100
    order = np.random.default_rng(0).permutation(6400)
    tracemalloc.start()
    total = sum(len(labels) for _, labels in target.batches("train", order, 64, (32, 32, 3)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 6400
    # the batch, the one before it, which the loop still names, and the float64 of a chunk of images
    assert peak < 12 * batch


# names and formats


def test_a_format_is_one_line(monkeypatch, tmp_path):
    (tmp_path / "my.folder").mkdir()
    form = Format(
        "a folder that ends in .folder",
        lambda path: path.suffix == ".folder",
        lambda path: None,
        lambda path, loading: (path, loading.seed),
    )
    monkeypatch.setitem(globals(), "FORM", form)
    monkeypatch.setattr(
        targets_catalog, "FORMATS", Registry("format", {"folder": f"{__name__}:FORM", "npz": "ncap.targets.npz:FORMAT"})
    )
    assert targets.load(tmp_path / "my.folder", seed=4) == (tmp_path / "my.folder", 4)
    with pytest.raises(
        ValueError, match=r"streetletters, or a folder that ends in \.folder, or the path of a \.npz file$"
    ):
        targets.load("digit")


def test_a_long_path_is_taken_for_a_path():
    with pytest.raises(ValueError, match="cannot be read"):
        targets.resolve("x" * 300 + ".npz")


def test_the_table_lists_the_known_targets():
    table = ncap.list_targets()
    assert list(table) == ["name", "images", "classes", "source", "licence", "at_hand"]
    assert table["name"].tolist() == targets.names()
    assert table["images"].tolist()[:3] == ["8 x 8 x 1", "28 x 28 x 1", "32 x 32 x 3"]
    assert (table["licence"] != "").all()
    assert set(table["at_hand"]) <= {"yes", "no", "to download"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.read("train", ["a"]), "rows must be a list of indices of the train part"),
        (lambda t: t.batches("val", [0, 15]), r"order must lie in 0\.\.14, the indices of the val part, got 15"),
        (lambda t: t.batches("val", size=0), "size must be a whole number of at least 1, got 0"),
        (lambda t: t.read("valid", [0]), "part must be one of 'train', 'val', 'test' of 'arrays', got 'valid'"),
        (lambda t: t.sample("all", 3, 0), "part must be one of"),
        (lambda t: t.sample("train", 0, 0), "n must be a whole number of at least 1, got 0"),
        (lambda t: t.sample("train", 3, -1), "seed must be a whole number"),
        (lambda t: t.read("train", [0], (8, 8, 4)), "cannot turn images of 3 channels into 4"),
    ],
)
def test_what_cannot_be_read_is_refused_at_the_call(call, message):
    with pytest.raises(ValueError, match=message):
        call(Target.from_parts("arrays", PARTS, seed=0))
