"""Archives that are damaged or made to do harm: refused by file and key, before anything large is unpacked."""

import os
import struct
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

from ncap.candidates.factory import FactoryCandidate
from ncap.targets import ArrayTarget, npz
from ncap.targets.contract import Loading

X, Y = np.zeros((60, 8, 8), np.uint8), np.arange(60) % 3


def write(path, **members):
    """An archive whose members are given as bytes, or in pieces; two of one name by a trailing underscore."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two of one name
        for name, content in members.items():
            with archive.open(f"{name.rstrip('_')}.npy", "w") as member:
                for part in content if isinstance(content, list) else [content]:
                    member.write(part)
    return path


def header(shape, dtype="|u1", text=None, version=1):
    text = text or str({"descr": dtype, "fortran_order": False, "shape": shape})
    text = text.encode() + b" " * 20 + b"\n"
    return b"\x93NUMPY" + bytes((version, 0)) + struct.pack("<H" if version == 1 else "<I", len(text)) + text


LABELS = header((60,)) + bytes(Y.astype(np.uint8))
IMAGES = header((60, 8, 8)) + bytes(60 * 64)


def test_what_is_written_here_by_hand_is_read(tmp_path):
    assert npz.read(write(tmp_path / "own.npz", x=IMAGES, y=LABELS), Loading()).lengths["train"] == 36
    assert (
        npz.read(
            write(tmp_path / "own.npz", x=header((60, 8, 8), version=2) + IMAGES[-3840:], y=LABELS), Loading()
        ).classes
        == 3
    )


ATTACKS = {
    "lengths": (
        {"x": [header((10**6, 64, 8)), *[bytes(10**6)] * 512], "y": LABELS},
        "x has 1000000 images, but y has 60 labels",
    ),
    "packed": (
        {"x": [header((60, 8192, 1024)), *[bytes(2**20)] * 480], "y": LABELS},
        r"its arrays take 0\.5 GB, packed into 0\.\d MB as no images are; if they are right, save them with numpy.savez",
    ),
    "promise": (
        {"x": header((60, 2**20, 2**20)), "y": LABELS},
        r"x cannot be read \(it has \d+ bytes, its header says",
    ),
    "longer": ({"x": IMAGES + b"more", "y": LABELS}, "x cannot be read .it has 39.. bytes, its header says"),
    "negative": ({"x": header((60, -8, -8)) + bytes(60 * 64), "y": LABELS}, "images must have shape|x cannot be read"),
    "twice": ({"x": IMAGES, "x_": IMAGES, "y": LABELS}, "x must be one array, the archive has 2 of that name"),
    "objects": (
        {"x": header((60,), "|O") + bytes(480), "y": LABELS},
        "x cannot be read .it holds objects.; save arrays of",
    ),
    "header": ({"x": header((), text="{'descr': (((("), "y": LABELS}, r"x cannot be read \(.*; save arrays of numbers"),
    "deep": ({"x": header((), text="(" * 9000), "y": LABELS}, r"x cannot be read \(.*; save arrays of numbers"),
    "wide": ({"x": header((), text="[" * 60_000), "y": LABELS}, r"x cannot be read \(.*; save arrays of numbers"),
    "long header": ({"x": b"\x93NUMPY\x02\x00\xff\xff\xff\x7f" + bytes(10**7), "y": LABELS}, "x cannot be read"),
    "version": ({"x": b"\x93NUMPY\x09\x00" + IMAGES[8:], "y": LABELS}, "x cannot be read"),
    "fields": (
        {"x": header((60, 8, 8), [("a", "|u1")]) + bytes(3840), "y": LABELS},
        "x: images must be integers or floats",
    ),
    "label": ({"x": IMAGES, "y": header((60,), "<u8") + bytes(472) + b"\xff" * 8}, "y: .* got 18446744073709551615"),
}


@pytest.mark.parametrize(("members", "message"), ATTACKS.values(), ids=ATTACKS)
def test_an_archive_made_to_do_harm_is_refused_before_it_does(tmp_path, members, message):
    path = write(tmp_path / "bad.npz", **members)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message) as refused:
            npz.read(path, Loading())
        assert tracemalloc.get_traced_memory()[1] < 20e6  # bytes at the peak
    finally:
        tracemalloc.stop()
    assert str(refused.value).startswith(f"{path}: ")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_in_an_archives_place_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(ValueError, match=r"pipe\.npz: not a file; pass the path of a \.npz file"):
        npz.check_file(tmp_path / "pipe.npz")


def test_a_target_in_a_file_that_is_not_named_in_utf_8_has_a_name_that_a_store_can_keep(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.npz")
    np.savez(path, x=X, y=Y)
    assert npz.read(path, Loading()).name == r"\udcff"


def test_a_list_of_members_that_lost_some_is_refused(tmp_path):
    """One bit: the comment of a member becomes so long that it covers the members after it."""
    path = tmp_path / "parts.npz"
    np.savez(path, x_train=X, y_train=Y, x_test=X[:9], y_test=Y[:9])
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02", 0, content.rindex(b"x_test.npy"))  # of x_test; the one before is of y_train
    before = content.rindex(b"PK\x01\x02", 0, entry)
    content[before + 32 : before + 34] = (len(content) - 22 - entry).to_bytes(2, "little")
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["x_train.npy", "y_train.npy"]
    with pytest.raises(ValueError, match=r"parts\.npz: cannot be read as an archive .its list of members is damaged"):
        npz.read(path, Loading())


def test_a_name_that_no_store_can_keep_is_refused_before_anything_is_trained():
    with pytest.raises(ValueError, match=r"name: a target is named by a text that is written in UTF-8, got '.udcff'"):
        ArrayTarget.from_parts("\udcff", {"all": (X, Y)}, 0)
    with pytest.raises(TypeError, match=r"candidates: .name: function that returns a body. is needed, got .'.udcff'"):
        FactoryCandidate("\udcff", lambda: None)
