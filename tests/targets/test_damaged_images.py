"""Files of images that were made from real ones by seeded damage: each is read, or refused by name, and nothing else happens."""

import io
import resource
import struct
import sys
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from ncap import targets
from ncap.targets.contract import Loading
from ncap.targets.decoding import DamagedError, decode

MEMORY = 1500  # MiB that a mutated header may make Pillow reserve beside what the tests hold: a picture of the largest size read, twice


def originals():
    """A photograph-like picture in each format and mode that matters, as bytes."""
    rng = np.random.default_rng(0)
    smooth = np.asarray(
        Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8)).resize((48, 40), Image.Resampling.BICUBIC)
    )
    image = Image.fromarray(smooth)
    data = Image.Exif()
    data[0x0112] = 6
    frames = [image, image.rotate(90), image.rotate(180)]
    kinds = {
        "jpg": (image, {"quality": 85, "exif": data}),
        "progressive.jpg": (image, {"progressive": True}),
        "cmyk.jpg": (image.convert("CMYK"), {}),
        "grey.jpg": (image.convert("L"), {}),
        "png": (image, {"exif": data}),
        "palette.png": (image.quantize(16), {"transparency": 3}),
        "alpha.png": (image.convert("RGBA"), {}),
        "deep.png": (Image.fromarray(smooth[..., 0].astype(np.uint16) * 257), {}),
        "animated.png": (image, {"save_all": True, "append_images": frames[1:]}),
        "gif": (image, {"save_all": True, "append_images": frames[1:]}),
        "webp": (image, {"exif": data}),
        "lossless.webp": (image, {"lossless": True}),
        "animated.webp": (image, {"save_all": True, "append_images": frames[1:]}),
        "bmp": (image, {}),
        "palette.bmp": (image.quantize(16), {}),
    }
    found = {}
    for name, (picture, how) in kinds.items():
        file = io.BytesIO()
        picture.save(file, {"jpg": "JPEG"}.get(name.rpartition(".")[2], name.rpartition(".")[2].upper()), **how)
        found[name] = file.getvalue()
    return found


def flipped(data, rng):
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        changed[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def flipped_in_the_header(data, rng):
    head = min(64, len(data))
    return flipped(data[:head], rng) + data[head:]


def cut(data, rng):
    return data[: int(rng.integers(len(data)))]


def another_magic(data, rng):
    magics = (
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"BM",
        b"RIFF\x10\0\0\0WEBPVP8 ",
        b"II*\0",
        b"%PDF-1.4",
        b"\0" * 8,
    )
    magic = magics[int(rng.integers(len(magics)))]
    return magic + data[len(magic) :]


def huge(data, rng):
    """Sides of thousands to billions of pixels in the header, with a right checksum where there is one."""
    sides = [int(2 ** rng.uniform(12, 31)) for _ in range(2)]
    if data.startswith(b"\x89PNG"):
        head = b"IHDR" + struct.pack(">II", *sides) + data[24:29]
        return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]
    if data.startswith(b"BM"):
        return data[:18] + struct.pack("<ii", *sides) + data[26:]
    short = [side % 65536 for side in sides]
    if data.startswith(b"GIF"):
        return data[:6] + struct.pack("<HH", *short) + data[10:]
    if data.startswith(b"RIFF"):
        return data[:24] + struct.pack("<II", *[side & 0xFFFFFF for side in sides]) + data[32:]
    start = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    return data[: start + 5] + struct.pack(">HH", *short) + data[start + 9 :]


def shuffled(data, rng):
    """A piece of the file somewhere else, or twice."""
    at, to, length = (int(rng.integers(len(data))) for _ in range(3))
    piece = data[at : at + length // 8]
    return data[:to] + piece + data[to:]


DAMAGES = (flipped, flipped_in_the_header, cut, another_magic, huge, shuffled)


def mutated(count):
    """(name, bytes) of damaged files; the same ones every time."""
    whole = list(originals().items())
    for number in range(count):
        rng = np.random.default_rng([12, number])
        name, data = whole[number % len(whole)]
        for _ in range(int(rng.integers(1, 3))):
            data = DAMAGES[(number // len(whole) + int(rng.integers(2))) % len(DAMAGES)](data or b"\0", rng)
        yield f"{number}.{name}", data


def survive(folder, count):
    """Write a folder of whole and damaged pictures, load and read it; the outcomes by name."""
    for label in ("a", "b"):
        (folder / label).mkdir()
    for number in range(10):
        Image.fromarray(np.full((4, 4, 3), 20 * number, np.uint8)).save(
            folder / "ab"[number % 2] / f"whole{number}.png"
        )
    names = []
    for number, (name, data) in enumerate(mutated(count)):
        names.append(f"{'ab'[number % 2]}/{name}")
        (folder / names[-1]).write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        target = targets.resolve(folder)(Loading(on_bad="skip"))
        seen = sum(len(y) for part in target.parts for _, y in target.batches(part, shape=(16, 16, 3)))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert [str(each.message)[: len(str(folder))] for each in caught] == [str(folder)], "one warning, and it is ours"
    read = {path for files in target.files.values() for path in files.paths}
    assert seen == len(read)
    assert read | set(target.left_out) == {*names, *(f"{'ab'[n % 2]}/whole{n}.png" for n in range(10))}
    assert not read & set(target.left_out)
    assert all(0 < len(why) < 200 for why in target.left_out.values())
    if sys.platform == "linux":
        assert grown < MEMORY
    print(
        f"{len(names)} damaged files: {len(target.left_out)} refused by name, {len(names) - len(target.left_out)} read; {grown:.0f} MiB"
    )
    assert len(target.left_out) > count / 4  # the damage is real
    return target


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("NCAP_CACHE", str(tmp_path_factory.mktemp("cache")))


def test_the_originals_are_whole():
    for name, data in originals().items():
        assert decode(data, name).pixels.shape in ((40, 48, 3), (40, 48, 1), (48, 40, 3)), name


def test_sixty_damaged_files_are_read_or_refused_by_name(tmp_path):
    target = survive(tmp_path, 60)
    with pytest.raises(
        ValueError, match=rf"{len(target.left_out)} damaged files, .* and {len(target.left_out) - 3} more; repair"
    ):
        targets.load(tmp_path)


@pytest.mark.heavy
def test_a_thousand_damaged_files_are_read_or_refused_by_name(tmp_path):
    survive(tmp_path, 1000)


@pytest.mark.parametrize("name", list(originals()))
def test_a_file_that_is_cut_off_inside_its_first_picture_is_refused(name):
    data = originals()[name]
    for length in range(0, len(data) // 4, 7):  # three frames are the most that one has
        with pytest.raises(DamagedError):
            decode(data[:length], name)
