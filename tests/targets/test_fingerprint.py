"""The fingerprint of a target: that of version 0.1, whatever holds the data, without a copy of all of it."""

import hashlib
import tracemalloc

import numpy as np
import pytest

from ncap import targets
from ncap.targets import fingerprint

# written down from version 0.1, which hashed six arrays as a whole
OF_0_1 = {"digits": "784a6ebb7a7115de", 60: "d77dceeed7794884", 400: "133de81f51ccf8ec"}


def colour(rng, n):
    return rng.integers(0, 256, (n, 6, 5, 3), np.uint8), rng.permutation(np.arange(n) % 3)


def test_the_digits_keep_their_fingerprints():
    digits = targets.load("digits")
    assert digits.fingerprint == OF_0_1["digits"]
    assert {n: digits.few(n, seed=0).fingerprint for n in (60, 400)} == {n: OF_0_1[n] for n in (60, 400)}


def test_bytes_in_colour_keep_their_fingerprints():
    rng = np.random.default_rng(5)
    no_test = targets.Target.from_parts("colour", {"train": colour(rng, 21), "val": colour(rng, 9)}, 0)
    assert no_test.fingerprint == "bd3282301befbe54"
    split = targets.Target.from_parts("wide", {"all": colour(rng, 40)}, 0)
    assert split.fingerprint == "d8d2be062d1dcadf"
    assert split.few(11, 3).fingerprint == "40e29f37e2eca111"


def test_it_is_the_hash_of_the_six_arrays():
    """Written down once more, as a whole: one colour target in three number types."""
    x, y = colour(np.random.default_rng(0), 15)
    for kind in (np.uint8, np.int32, np.float64):
        target = targets.ArrayTarget("t", x[:8].astype(kind), y[:8], x[8:11], y[8:11], x[11:], y[11:], 3)
        digest = hashlib.sha256()
        for chosen in (slice(8), slice(8, 11), slice(11, None)):
            for array in (x[chosen].astype(np.float32), y[chosen].astype(np.int64)):
                digest.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
        assert target.fingerprint == digest.hexdigest()[:16]


@pytest.mark.parametrize("size", [1, 2**10, 2**14])
def test_the_size_of_the_chunks_does_not_matter(monkeypatch, size):
    monkeypatch.setattr(fingerprint, "_CHUNK_BYTES", size)
    assert targets.load("digits").few(60, seed=0).fingerprint == OF_0_1[60]


def test_no_copy_of_all_images_is_made(monkeypatch):
    x, y = np.zeros((4000, 32, 32, 1), np.uint8), np.arange(4000) % 2
    target = targets.ArrayTarget("black", x, y, x[:2], y[:2], None, None, 2)
    monkeypatch.setattr(fingerprint, "_CHUNK_BYTES", 2**18)
    tracemalloc.start()
    assert len(target.fingerprint) == 16
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # the float32 copy would be 16 MiB; a chunk is 256 KiB, and as many bytes in uint8
    assert peak < 2**20
