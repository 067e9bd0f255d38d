"""The fingerprint of a target: the same data, the same sixteen digits, whatever holds it."""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from ncap.targets.images import complete_shape

if TYPE_CHECKING:
    from ncap.targets.contract import Target

_PARTS = ("train", "val", "test")
_CHUNK_BYTES = 2**24  # of float32 pixels at a time


def content_fingerprint(target: "Target") -> str:
    """The first 16 hexadecimal digits of the SHA-256 of all parts.

    What is hashed is, for "train", "val" and "test" in turn, the images as a float32 array (n, h, w, c) and the labels as an int64 array
    (n,), each as "<dtype><shape>" followed by its bytes; b"absent" twice stands for a missing part. The images are read and converted
    16 MiB at a time. Fingerprints of version 0.1 are the same.
    """
    digest = hashlib.sha256()
    for part in _PARTS:
        if part in target.parts:
            _add_images(digest, target, part)
            _add_array(digest, target.labels(part))
        else:
            digest.update(b"absent" * 2)
    return digest.hexdigest()[:16]


def _add_images(digest: "hashlib._Hash", target: "Target", part: str) -> None:
    shape = (len(target.labels(part)), *complete_shape(target.input_shape, None))
    digest.update(f"{np.dtype(np.float32).str}{shape}".encode())
    step = max(1, _CHUNK_BYTES // (4 * int(np.prod(shape[1:]))))
    for start in range(0, shape[0], step):
        rows = np.arange(start, min(start + step, shape[0]))
        pixels = np.ascontiguousarray(target.images(part, rows), np.float32)
        digest.update(pixels.data.cast("B"))


def _add_array(digest: "hashlib._Hash", array: np.ndarray) -> None:
    array = np.ascontiguousarray(array)
    digest.update(f"{array.dtype.str}{array.shape}".encode())
    digest.update(array.data.cast("B"))
