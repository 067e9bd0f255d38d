"""Folders of class folders: layouts, what people's files look like, streaming, fingerprints, the cache."""

import os
import re
import signal
import subprocess
import sys
import warnings
from functools import partial

import numpy as np
import pytest
from commands import call
from PIL import Image
from waiting import ticks, wait_for

from ncap import targets
from ncap.job import Job, Place
from ncap.pipeline import NothingRankedError, rank
from ncap.targets import Target, inspection
from ncap.targets.ahead import Ahead
from ncap.targets.decoding import decode, decode_for
from ncap.targets.export import export_folder
from ncap.targets.images import convert
from ncap.testing.targets import check_target

RNG = np.random.default_rng(0)
CLASSES = ("daisy", "rose", "tulip")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("NCAP_CACHE", str(folder))
    return folder


def picture(size=(8, 6), mode="RGB"):
    """A photograph in little: no two are alike."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = RNG.integers(0, 256, (size[1], size[0], channels), np.uint8)
    return Image.fromarray(pixels[..., 0] if channels == 1 else pixels, mode)


def photos(folder, count=6, make=picture, kind="png", classes=CLASSES):
    for name in classes:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            make().save(folder / name / f"{number}.{kind}")
    return folder


def mixed():
    return picture((int(RNG.integers(5, 40)), int(RNG.integers(5, 40))))


# layouts


def test_class_folders_are_split_and_keep_the_laws(tmp_path):
    target = targets.load(photos(tmp_path / "photos", 10), seed=1)
    assert (target.name, target.class_names, target.input_shape) == ("photos", CLASSES, (6, 8, 3))
    assert target.lengths == {"train": 18, "val": 6, "test": 6}
    assert all(np.bincount(target.labels(part)).tolist() == [n // 3] * 3 for part, n in target.lengths.items())
    check_target(target)
    other = targets.load(tmp_path / "photos", seed=2)
    assert other.files["train"].paths != target.files["train"].paths
    assert targets.load(tmp_path / "photos", seed=1).files["train"].paths == target.files["train"].paths


@pytest.mark.parametrize("names", [("train", "val", "test"), ("training", "Validation", "testing"), ("TRAIN", "valid")])
def test_split_folders_are_recognised(tmp_path, names):
    for count, name in zip((5, 3, 2), names, strict=False):
        photos(tmp_path / name, count)
    target = targets.load(tmp_path)
    assert list(target.lengths.values()) == [15, 9, 6][: len(names)]
    assert target.class_names == CLASSES
    assert target.files["val"].paths[0] == f"{names[1]}/daisy/0.png"


def test_what_is_missing_is_split_off_the_training_folder(tmp_path):
    photos(tmp_path / "train", 10)
    photos(tmp_path / "test", 2)
    target = targets.load(tmp_path)
    assert target.lengths == {"train": 24, "val": 6, "test": 6}
    (tmp_path / "test").rename(tmp_path / ".test")  # hidden
    assert targets.load(tmp_path).lengths == {"train": 24, "val": 6}


def test_a_class_may_be_called_train(tmp_path):
    target = targets.load(photos(tmp_path, classes=("bus", "train")))
    assert target.class_names == ("bus", "train")


def make(*folders):
    def build(folder):
        for each in folders:
            name, _, file = each.partition(":")
            (folder / name).mkdir(parents=True, exist_ok=True)
            if file:
                picture().save(folder / name / file)

    return build


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            make(),
            "has 0 class folders, and two are needed; pass one folder of images per class, or such folders inside train",
        ),
        (make("daisy:1.png"), "has 1 class folders"),
        (make("daisy:1.png", "rose"), "rose: has nothing and no image .*remove it"),
        (
            make("daisy:1.png", "rose/red:1.png"),
            "rose: has folders, such as 'red', and no image; classes lie one level deep",
        ),
        (make("train/a:1.png", "train/b:1.png", "extra:1.png"), "'extra' lies beside 'train' and is no part"),
        (
            make("train/a:1.png", "train/b:1.png", "val/a:1.png", "valid/a:1.png"),
            "'val' and 'valid' are both the part 'val'",
        ),
        (
            make("train/a:1.png", "train/b:1.png", "val/c:1.png"),
            r"val: class 'c' has no folder in .*train, so nothing could learn it",
        ),
        (make("train/a:1.png", "train/b:1.png", "val/a"), "val: none of its folders has an image"),
        (make("a:1.png", "b:1.png"), r"a stratified split \(.*\) needs at least 5 samples of each class"),
    ],
)
def test_other_layouts_are_refused_with_the_remedy(tmp_path, build, message):
    build(tmp_path)
    with pytest.raises(ValueError, match=message):
        targets.load(tmp_path)


def test_extensions_in_capitals_are_read_hidden_files_passed_over_and_others_counted_once(tmp_path):
    photos(tmp_path / "photos")
    (tmp_path / "photos" / "daisy" / "0.png").rename(tmp_path / "photos" / "daisy" / "0.PNG")
    for name in (
        ".DS_Store",
        "notes.txt",
        "rose/.hidden.png",
        "rose/Thumbs.db",
        "tulip/notes.txt",
        "tulip/png",
        "tulip/x.csv",
        "tulip/more.jpg.part",
    ):
        (tmp_path / "photos" / name).write_text("no picture")
    with pytest.warns(
        UserWarning, match=r"ignored: 5 files, rose/Thumbs.db, tulip/more.jpg.part, tulip/notes.txt and 2 more"
    ) as caught:
        target = targets.load(tmp_path / "photos")
    assert len(caught) == 1
    assert sum(target.lengths.values()) == 18


def test_parts_are_split_off_as_large_as_asked(tmp_path):
    photos(tmp_path, 10)
    assert targets.load(tmp_path).lengths == {"train": 18, "val": 6, "test": 6}
    assert targets.load(tmp_path, validation=3, test=0.2).lengths == {"train": 21, "val": 3, "test": 6}
    nested = export_folder(targets.load(tmp_path), tmp_path.parent / "nested")
    with pytest.raises(ValueError, match="validation=3: the data has a validation part of its own"):
        targets.load(nested, validation=3)


# what people's files look like


def test_a_folder_has_the_pixels_of_arrays_in_every_shape(tmp_path):
    x, y = RNG.integers(0, 256, (30, 50, 40, 3), np.uint8), np.arange(30) % 3
    arrays = Target.from_parts("arrays", {"all": (x, y)}, seed=0)
    folder = targets.load(export_folder(arrays, tmp_path / "photos"))
    assert folder.lengths == arrays.lengths
    rows = {
        part: np.argsort(arrays.labels(part), kind="stable") for part in arrays.parts
    }  # a folder lists class by class
    for shape in (None, (16, 16, 3), (7, 90, 1), (20, None, 3), (49, 41, 3), (100, 80, 3)):
        for part in arrays.parts:
            ours, theirs = folder.read(part, np.arange(len(rows[part])), shape), arrays.read(part, rows[part], shape)
            np.testing.assert_array_equal(ours[0], theirs[0])
            np.testing.assert_array_equal(ours[1], theirs[1])
    check_target(folder)


def test_images_of_several_sizes_are_read_in_a_shape_that_says_both_sides(tmp_path):
    target = targets.load(photos(tmp_path, 8, mixed))
    assert target.input_shape == (None, None, 3)
    check_target(target)
    for row, path in enumerate(target.files["val"].paths):
        own = pixels_by_pillow(tmp_path / path)[np.newaxis]
        np.testing.assert_array_equal(target.read("val", [row], (9, 9, 3))[0], convert(own, (9, 9, 3)))
    for shape in (None, (None, 9, 3), (9, None, 3)):
        with pytest.raises(ValueError, match=r"the images are of several sizes, .* such as --size 224"):
            target.read("val", [0], shape)
    assert targets.load(photos(tmp_path / "wide", 6, lambda: picture((8, int(RNG.integers(4, 9)))))).input_shape == (
        None,
        8,
        3,
    )


def test_images_stay_grey_only_if_all_are(tmp_path):
    assert targets.load(photos(tmp_path / "grey", make=partial(picture, mode="L"))).input_shape == (6, 8, 1)
    picture().save(tmp_path / "grey" / "rose" / "0.png")
    target = targets.load(tmp_path / "grey")
    assert target.input_shape == (6, 8, 3)
    check_target(target)


@pytest.mark.parametrize("kind", ["jpg", "JPEG", "webp", "bmp", "gif", "png"])
def test_every_format_is_read(tmp_path, kind):
    target = targets.load(photos(tmp_path, kind=kind))
    read, _ = target.read("train", [0])
    np.testing.assert_array_equal(read[0], pixels_by_pillow(tmp_path / target.files["train"].paths[0]))


def pixels_by_pillow(path):
    with Image.open(path) as file:
        return np.asarray(file.convert("RGB"))


def saved(folder, image, name="1.png", **how):
    image.save(folder / name, **how)
    return (folder / name).read_bytes()


def exif(turn):
    data = Image.Exif()
    data[0x0112] = turn
    return data


def test_exif_orientation_is_applied(tmp_path):
    """The letter F, as a camera that is held otherwise stores it."""
    upright = np.zeros((16, 8), np.uint8)
    upright[:, 0] = upright[0] = upright[6, :6] = 255
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: upright.T[::-1],
    }
    stored |= {7: upright.T[::-1, ::-1], 8: upright.T[:, ::-1]}
    for turn, pixels in stored.items():
        for name in ("1.png", "1.webp"):
            how = {"lossless": True} if name == "1.webp" else {}
            found = decode(
                saved(tmp_path, Image.fromarray(np.ascontiguousarray(pixels)), name, exif=exif(turn), **how), name
            )
            np.testing.assert_array_equal(found.pixels[..., 0], upright)
            assert found.done == (("turned",) if turn > 1 else ())


def test_16_bits_are_scaled(tmp_path):
    grey = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
    found = decode(saved(tmp_path, Image.fromarray(grey)))
    np.testing.assert_array_equal(found.pixels[..., 0], [[0, 0, 1, 128, 255]])
    assert found.done == ("16-bit",)
    # Pillow writes no RGB of 16 bits: a PNG by hand
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + struct.pack(">6H", 0, 32768, 65535, 255, 256, 511)
    png = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(row))
        + chunk(b"IEND", b"")
    )
    found = decode(png)
    np.testing.assert_array_equal(found.pixels, [[[0, 128, 255], [0, 1, 1]]])
    assert found.done == ("16-bit",)


def test_what_is_transparent_is_laid_on_white(tmp_path):
    layers = np.array([[[10, 20, 30, 0], [10, 20, 30, 255], [0, 0, 0, 51]]], np.uint8)
    found = decode(saved(tmp_path, Image.fromarray(layers, "RGBA")))
    np.testing.assert_array_equal(found.pixels, [[[255, 255, 255], [10, 20, 30], [204, 204, 204]]])
    assert found.done == ("transparent",)
    layers[..., 3] = 255  # a fourth channel that says nothing
    assert decode(saved(tmp_path, Image.fromarray(layers, "RGBA"))).done == ()
    palette = Image.fromarray(layers[..., :3]).convert("P", palette=Image.Palette.ADAPTIVE)
    hidden = decode(saved(tmp_path, palette, transparency=int(np.asarray(palette)[0, 0])))
    np.testing.assert_array_equal(hidden.pixels[0, 0], [255, 255, 255])


def test_cmyk_palettes_and_two_colours_are_converted(tmp_path):
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    found = decode(saved(tmp_path, red, "1.jpg", quality=100))
    assert found.done == ("cmyk",)
    assert np.abs(found.pixels.astype(int) - [255, 0, 0]).max() <= 3  # JPEG
    palette = Image.fromarray(np.array([[[200, 0, 0], [0, 200, 0]]], np.uint8)).quantize(2)
    np.testing.assert_array_equal(decode(saved(tmp_path, palette)).pixels, [[[200, 0, 0], [0, 200, 0]]])
    np.testing.assert_array_equal(decode(saved(tmp_path, Image.new("1", (3, 1), 1))).pixels, np.full((1, 3, 1), 255))


@pytest.mark.parametrize("name", ["1.gif", "1.webp", "1.png"])
def test_the_first_frame_of_an_animation_is_taken(tmp_path, name):
    frames = [Image.new("RGB", (9, 7), colour) for colour in ("red", "lime", "blue")]
    how = {"lossless": True} if name == "1.webp" else {}
    found = decode(saved(tmp_path, frames[0], name, save_all=True, append_images=frames[1:], **how), name)
    np.testing.assert_array_equal(found.pixels, np.tile(np.array([255, 0, 0], np.uint8), (7, 9, 1)))
    assert found.done == ("animated",)


def test_what_was_done_is_counted_and_said_once(tmp_path):
    photos(tmp_path)
    for name, image, how in (
        ("daisy/a.jpg", picture((8, 6), "CMYK"), {}),
        ("daisy/b.jpg", picture((6, 8)), {"exif": exif(6)}),
        ("rose/a.png", picture((8, 6), "RGBA"), {}),
        ("rose/b.png", picture((8, 6), "RGBA"), {}),
    ):
        image.save(tmp_path / name, **how)
    (tmp_path / "tulip" / "0.png").rename(tmp_path / "tulip" / "0.jpg")
    with pytest.warns(
        UserWarning,
        match="of 22 images, 1 in CMYK, converted to RGB; 2 with transparency, laid on white; 1 turned as their EXIF data say; "
        "1 of another kind",
    ) as caught:
        target = targets.load(tmp_path)
    assert len(caught) == 1
    assert target.input_shape == (6, 8, 3)


def smooth(size):
    """A picture without fine detail, so that ways to shrink it differ little."""
    return Image.fromarray(RNG.integers(0, 256, (5, 6, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)


@pytest.mark.parametrize(
    ("size", "turn"), [((640, 480), 1), ((333, 251), 1), ((640, 480), 6), ((333, 251), 6), ((333, 251), 3)]
)
def test_a_large_jpeg_is_decoded_near_the_size_that_is_wanted(tmp_path, size, turn):
    """At a half, a quarter or an eighth; the pixels are those of the whole picture within a few of 255, and stand where they stood."""
    data = saved(tmp_path, smooth(size), "1.jpg", quality=95, exif=exif(turn))
    whole = decode(data, "1.jpg")
    for sides in ((40, 50), (100, 100), (225, 240)):
        pixels, spans = decode_for(data, sides, whole.done)
        factor = min(whole.pixels.shape[0] // sides[0], whole.pixels.shape[1] // sides[1])
        even = turn == 1 or size == (640, 480)  # a part of a pixel would be on the wrong side after turning
        scale = max(each for each in (1, 2, 4, 8) if each <= factor) if even else 1
        assert pixels.shape[:2] == tuple(-(-side // scale) for side in whole.pixels.shape[:2])
        shape = (*sides, 3)
        near, full = convert(pixels[np.newaxis], shape, spans), convert(whole.pixels[np.newaxis], shape)
        assert np.abs(near - full).max() < 6
        assert np.abs(near - full).mean() < 1


@pytest.mark.parametrize("mode", ["RGB", "L", "keep_rgb", "progressive", "bad marker"])
@pytest.mark.parametrize("sides", [(60, 50), (20, 30), (8, 9)])
def test_either_decoder_gives_the_same_pixels(tmp_path, monkeypatch, mode, sides):
    """simplejpeg reads what is ordinary, Pillow what simplejpeg refuses: a user must not see which of them it was."""
    options = {"keep_rgb": True} if mode == "keep_rgb" else {"progressive": mode == "progressive", "quality": 80}
    data = saved(tmp_path, smooth((83, 61)).convert("L" if mode == "L" else "RGB"), "1.jpg", **options)
    if mode == "bad marker":  # a byte too many in front of the last marker: Pillow does not mind
        data = data[:-2] + b"\x00" + data[-2:]
    done = decode(data, "1.jpg").done
    pixels, spans = decode_for(data, sides, done)
    monkeypatch.setattr("ncap.targets.decoding._JPEG", b"none begins so")
    by_pillow, same_spans = decode_for(data, sides, done)
    np.testing.assert_array_equal(pixels, by_pillow)
    assert spans == same_spans


def test_pixels_do_not_depend_on_what_is_read_beside_them(tmp_path):
    """Photographs of several sizes in groups, some of them shrunk by the decoder."""
    sizes = [(200, 150), (200, 150), (60, 40), (61, 33), (150, 200), (30, 30)]
    target = targets.load(photos(tmp_path, 12, lambda: smooth(sizes[int(RNG.integers(6))]), "jpg"))
    check_target(target)
    whole, _ = target.read("train", np.arange(20), (32, 24, 3))
    for size in (1, 3, 20):
        parts = [x for x, _ in target.batches("train", np.arange(20)[::-1], size, (32, 24, 3))]
        np.testing.assert_array_equal(np.concatenate(parts)[::-1], whole)


# damaged files


def damage(folder):
    (folder / "daisy" / "0.png").write_bytes(b"")
    whole = (folder / "rose" / "0.png").read_bytes()
    (folder / "rose" / "0.png").write_bytes(whole[: len(whole) * 2 // 3])
    (folder / "rose" / "1.png").write_text("<html>not found</html>")
    (folder / "tulip" / "1.png").symlink_to("nowhere")
    (folder / "tulip" / "0.png").unlink()
    (folder / "tulip" / "0.png").mkdir()


def test_damaged_files_are_named_before_training_or_left_out(tmp_path):
    photos(tmp_path, 8)
    (tmp_path / "tulip" / "1.png").unlink()
    damage(tmp_path)
    with pytest.raises(
        ValueError,
        match=r"5 damaged files, daisy/0.png \(it is empty\), rose/0.png \(.*\), rose/1.png \(it is no JPEG.*\) and 2 more; "
        r"repair .*--on-bad skip",
    ):
        targets.load(tmp_path)
    with pytest.warns(UserWarning, match="left out: 5 damaged files, daisy/0.png"):
        target = targets.resolve(tmp_path)(targets.contract.Loading(on_bad="skip"))
    assert list(target.left_out) == ["daisy/0.png", "rose/0.png", "rose/1.png", "tulip/0.png", "tulip/1.png"]
    assert sum(target.lengths.values()) == 24 - 5
    check_target(target)


def test_a_class_or_part_that_is_damaged_throughout_is_refused(tmp_path):
    photos(tmp_path, 5)
    for file in (tmp_path / "rose").iterdir():
        file.write_bytes(b"")
    skip = targets.contract.Loading(on_bad="skip")
    with pytest.raises(ValueError, match="class 'rose' has no image that can be read; 5 damaged files"):
        targets.resolve(tmp_path)(skip)


def test_a_picture_that_would_fill_the_memory_is_refused_by_its_header(tmp_path):
    bomb = Image.new("1", (30_000, 30_000))  # 900 million pixels in 110 kB
    photos(tmp_path)
    bomb.save(tmp_path / "rose" / "bomb.png")
    large = Image.new("1", (10_000, 10_000))  # beyond the limit at which Pillow warns, and reads
    large.save(tmp_path / "tulip" / "large.png")
    with pytest.raises(
        ValueError,
        match=r"2 damaged files, rose/bomb.png \(it has more than 89,478,485 pixels\), tulip/large.png \(it has 10000 x 10000 pixels",
    ):
        targets.load(tmp_path)


@pytest.mark.parametrize("change", ["removed", "changed", "touched"])
def test_a_file_that_changes_after_the_look_is_named(tmp_path, change):
    target = targets.load(photos(tmp_path, 8))
    file = tmp_path / target.files["train"].paths[3]
    if change == "removed":
        file.unlink()
    elif change == "changed":
        picture((8, 6), "L").save(file)
    else:
        os.utime(file, ns=(0, 0))
    wanted = "was there when the job began" if change == "removed" else "has changed since the job began"
    with pytest.raises(ValueError, match=f"{file}: {wanted}.*start again"):
        list(target.batches("train", size=5))
    target.read("train", [0, 1, 2])


def test_files_with_the_same_bytes_in_two_parts_are_reported(tmp_path):
    photos(tmp_path / "train", 5)
    photos(tmp_path / "val", 3)
    for name in ("daisy/0.png", "rose/1.png"):
        (tmp_path / "val" / name).write_bytes((tmp_path / "train" / name).read_bytes())
    with pytest.warns(
        UserWarning,
        match="2 files of val have the same bytes as one of train .val/daisy/0.png and train/daisy/0.png.: accuracies",
    ):
        target = targets.load(tmp_path)
    with pytest.raises(AssertionError, match="2 images are in two parts"):
        check_target(target)
    check_target(target, duplicates=2)


# fingerprints and the cache


def test_the_fingerprint_follows_the_bytes_and_labels_and_nothing_else(tmp_path):
    photos(tmp_path / "one", 6)
    first = targets.load(tmp_path / "one").fingerprint
    (tmp_path / "one").rename(tmp_path / "two")
    (tmp_path / "two" / "daisy").rename(tmp_path / "two" / "buttercup")
    os.utime(tmp_path / "two" / "rose" / "0.png", ns=(5, 5))
    assert targets.load(tmp_path / "two").fingerprint == first
    assert targets.load(tmp_path / "two", seed=1).fingerprint != first
    (tmp_path / "two" / "buttercup").rename(tmp_path / "two" / "zinnia")  # the labels change
    assert targets.load(tmp_path / "two").fingerprint != first
    (tmp_path / "two" / "zinnia").rename(tmp_path / "two" / "daisy")
    picture().save(tmp_path / "two" / "rose" / "0.png")
    assert targets.load(tmp_path / "two").fingerprint != first


def test_a_second_start_opens_no_file_that_has_not_changed(tmp_path, monkeypatch, own_cache):
    photos(tmp_path, 6)
    first = targets.load(tmp_path)
    opened = []
    original = inspection.inspect_file
    monkeypatch.setattr(inspection, "inspect_file", lambda path: opened.append(path) or original(path))
    second = targets.load(tmp_path)
    assert opened == []
    assert (second.files["train"].facts, second.fingerprint) == (first.files["train"].facts, first.fingerprint)
    (tmp_path / "rose" / "2.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"1 damaged file, rose/2.png \(it is empty\); repair or remove it"):
        targets.load(tmp_path)
    assert opened == [f"{tmp_path}/rose/2.png"]
    for kept in (own_cache / "folders").iterdir():
        kept.write_text('{"version": "1", "files": {"daisy/0.png": [1]}')  # cut off
    picture().save(tmp_path / "rose" / "2.png")
    targets.load(tmp_path)
    assert len(opened) == 1 + 18


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NCAP_CACHE", str(tmp_path / "file"))
    assert targets.load(photos(tmp_path / "photos")).lengths["train"] == 10


# reading ahead


def test_reading_ahead_is_in_order_and_a_few_items_deep():
    made = []

    def make(number):
        made.append(number)
        return number * 10

    ahead = Ahead(make, 20, depth=2)
    assert ahead[0] == 0
    ahead[1]
    assert ahead[0] == 0  # looked at twice, made once
    assert [ahead[number] for number in range(20)] == [number * 10 for number in range(20)]
    assert made == list(range(20))
    assert len(ahead._made) <= 2
    made.clear()
    reader = iter(Ahead(make, 1000, depth=3))
    assert next(reader) == 0
    reader.close()
    assert len(made) <= 5
    with pytest.raises(IndexError, match=r"index must lie in 0\.\.19, got 20"):
        ahead[20]


def test_an_error_ahead_is_raised_in_its_turn():
    ahead = Ahead(lambda number: 1 // (3 - number), 6, depth=2)
    assert [ahead[0], ahead[1], ahead[2]] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        ahead[3]


# training and commands


def test_training_on_a_folder_gives_the_numbers_of_arrays(tmp_path):
    from ncap.candidates import resolve
    from ncap.training.run import Training

    x, y = RNG.integers(0, 256, (90, 16, 16, 1), np.uint8), np.sort(np.arange(90) % 3)
    arrays = Target.from_parts("same", {"train": (x[::2], y[::2]), "val": (x[1::2], y[1::2])}, seed=0)
    folder = targets.load(export_folder(arrays, tmp_path / "same"))
    (candidate,) = resolve("mlp").values()
    job = Job(epochs=1, batch_size=8, hidden=(8, 4))
    logs = [Training(job, candidate, target).train(Place(1, 1, 1)) for target in (arrays, folder)]
    assert logs[0] == logs[1]


def test_a_folder_of_photographs_is_ranked_from_the_command_line(tmp_path, shared_data, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with np.load(shared_data / "images" / "fashion_mnist.npz") as data:
        chosen = np.concatenate([np.flatnonzero(data["y_train"] == label)[:15] for label in range(4)])
        np.savez("clothes.npz", x=data["x_train"][chosen], y=data["y_train"][chosen])
    exported = call("datasets", "clothes.npz", "--export", "clothes")
    assert (exported.exit_code, exported.stdout) == (0, "clothes\n")
    broken = tmp_path / "clothes" / "train" / "0" / "broken.png"
    broken.write_bytes(b"")
    ranked = [
        "rank",
        "--target",
        "clothes",
        "--candidates",
        "mlp,plain",
        "--epochs",
        "1",
        "--quiet",
        "--rule",
        "last_seen",
    ]
    refused = call(*ranked)
    assert refused.exit_code == 2
    assert "clothes: 1 damaged file, train/0/broken.png (it is empty); repair or remove it" in refused.stderr
    broken.unlink()
    done = call(*ranked)
    assert done.exit_code == 0, done.output
    assert len((tmp_path / "out" / "ranking.csv").read_text().splitlines()) == 3


RANKING = """
import ncap
ncap.rank("plain", "photos", epochs=100_000, hidden=(8, 4), progress=False, rule="last_seen")
"""


def rank_in_a_process(folder):
    env = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen([sys.executable, "-c", RANKING], cwd=folder, env=env, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_job_that_reads_ahead_can_be_ended(tmp_path, stop):
    photos(tmp_path / "photos", 30)
    with rank_in_a_process(tmp_path) as process:
        try:
            wait_for(lambda: ticks(tmp_path / "runs.db"), process)
            process.send_signal(stop)
            _, message = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode in (-stop, 130)
    if stop == signal.SIGINT:
        assert message.rstrip().endswith(
            "KeyboardInterrupt: ncap.rank was interrupted; the same call goes on from here"
        )


def test_a_file_that_vanishes_while_a_job_trains_is_named(tmp_path):
    photos(tmp_path / "photos", 30)
    with rank_in_a_process(tmp_path) as process:
        try:
            wait_for(lambda: ticks(tmp_path / "runs.db"), process)
            for file in (tmp_path / "photos" / "rose").iterdir():
                file.unlink()
            _, message = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 1
    assert re.search(r"photos/rose/\d+.png: was there when the job began, and cannot be read now", message)


def test_a_candidate_that_takes_any_size_asks_for_one(tmp_path, monkeypatch):
    import keras

    def free():
        layers = [keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(4, 3), keras.layers.GlobalAveragePooling2D()]
        return keras.Sequential([keras.Input((None, None, 3)), *layers])

    monkeypatch.chdir(tmp_path)
    photos(tmp_path / "photos", 8, mixed)
    given = {"epochs": 1, "hidden": (8, 4), "progress": False, "rule": "last_seen"}
    with pytest.raises(NothingRankedError, match=r"the images are of several sizes, .* such as --size 224"):
        rank({"free": free}, "photos", **given)
    assert rank({"free": free}, "photos", size=16, **given).candidates == ["free"]


def test_an_export_goes_into_a_new_folder_alone(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    with pytest.raises(ValueError, match="full' holds something already; pass a new one"):
        export_folder(targets.load("digits").few(20, 0), tmp_path / "full")
    two = RNG.integers(0, 256, (10, 4, 4, 2), np.uint8), np.arange(10) % 2
    with pytest.raises(ValueError, match="PNG files hold 1 or 3 channels, got images of 2"):
        export_folder(Target.from_parts("two", {"train": two, "val": two}, 0), tmp_path / "new")


def test_pillows_own_warnings_do_not_reach_the_user(tmp_path):
    data = saved(tmp_path, picture(), "1.jpg", exif=exif(6).tobytes()[:-9])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(data).pixels.shape[2] == 3  # the picture is whole, its EXIF data are cut off
