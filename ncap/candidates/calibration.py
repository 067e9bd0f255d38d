"""The statistics of every convolution of a network on photographs: what batch norm is put back with.

The pictures are those in $NCAP_DATA/images/imagenet_check, 120 of ImageNet's validation images: of what is at hand, they are nearest to
what the networks were trained on, and have the detail up to 224 pixels that first layers respond to and that pictures enlarged from 32
lack. Their labels are not used, and a network computes the same whichever statistics it has, so its accuracy on these very pictures is
not affected.

Statistics are kept in `ncap.folders.cache_folder()`: a body is then the same to the last bit in every process, whatever its backend
and number of threads, as resuming a run requires, and is built in a second instead of up to 16.
"""

import hashlib
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from ncap.candidates.assembly import Graph, Statistics
from ncap.folders import cache_folder

if TYPE_CHECKING:
    from keras import KerasTensor

PICTURES = Path("images", "imagenet_check")  # in $NCAP_DATA
PIXELS = 24 * 96 * 96  # at a time: MobileNetV2 then keeps 300 MB of maps


def pictures(folder: Path) -> list[Path]:
    """The JPEG files in the subfolders of a folder, in order. Raises ValueError, with the remedy, where there are none."""
    found = sorted(folder.glob("*/*.jpg"))
    if not found:
        raise ValueError(
            f"batch norm is put back with the statistics of photographs, and there are none: {folder} has no folders with .jpg files; "
            f"place some there (a hundred will do), or build without norms: BackboneCandidate(path, norms=False)"
        )
    return found


def read_pictures(paths: list[Path], size: int) -> np.ndarray:
    """RGB pictures (n, size, size, 3), float32, values 0..255, resized with antialiasing."""
    from PIL import Image

    images = np.empty((len(paths), size, size, 3), np.float32)
    for row, path in enumerate(paths):
        try:
            with Image.open(path) as image:
                images[row] = np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR))
        except (OSError, ValueError) as error:
            raise ValueError(f"{path}: cannot be read as a picture ({error}); remove it") from error
    return images


def measure(graph: Graph, names: list[str], images: np.ndarray) -> dict[str, Statistics]:
    """Mean and variance per channel of what the operations put out before their activation, over images (n, h, w, c) and positions.

    One pass, because convolutions with their bias compute what they will compute with norms: no layer waits for the statistics of those
    before it. Batches are put together in float64 (Chan, Golub, LeVeque 1983).
    """
    moments = {name: _moments(graph.raw[name]) for name in names}
    model = keras.Model(graph.images, moments)
    batch = max(1, PIXELS // (images.shape[1] * images.shape[2]))
    parts = [images[start : start + batch] for start in range(0, len(images), batch)]
    shares = np.array([len(part) for part in parts]) / len(images)
    measured = [{name: _array(one) for name, one in model(part, training=False).items()} for part in parts]
    return {name: _pooled([each[name] for each in measured], shares) for name in names}


def _moments(x: "KerasTensor") -> "KerasTensor":
    return keras.ops.stack([keras.ops.mean(x, axis=(0, 1, 2)), keras.ops.var(x, axis=(0, 1, 2))])


def _array(moments: "KerasTensor") -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(moments), np.float64)


def _pooled(moments: list[np.ndarray], shares: np.ndarray) -> Statistics:
    """Of parts (mean, variance) with the given shares: variance = mean of the variances + variance of the means."""
    means, variances = np.stack([part[0] for part in moments]), np.stack([part[1] for part in moments])
    mean = shares @ means
    return Statistics(mean, shares @ (variances + (means - mean) ** 2))


def kept(digest: str, compute: Callable[[], Mapping[str, Statistics]]) -> dict[str, Statistics]:
    """The statistics that were kept under a digest of all that they depend on, else computed and kept where that is possible.

    Of two processes that compute at the same time, both go on with what the first one has kept.
    """
    path = cache_folder() / "calibration" / f"{digest}.npz"
    found = _read(path)
    if found is None:
        with suppress(OSError):
            path.unlink(missing_ok=True)  # a damaged file would stay for good
        found = dict(compute())
        with suppress(OSError):  # a folder that cannot be written to costs time, nothing else
            _write(path, found)
            found = _read(path) or found
    return found


def digest(*parts: str | bytes) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of texts and bytes, told apart.

    >>> digest("ab", "c") == digest("a", "bc")
    False
    """
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(f"{len(data)} ".encode() + data)
    return whole.hexdigest()[:16]


def _read(path: Path) -> dict[str, Statistics] | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: Statistics(*archive[name]) for name in archive.files}
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile):  # absent or damaged
        return None


def _write(path: Path, statistics: Mapping[str, Statistics]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        np.savez(file, **{name: np.stack(one) for name, one in statistics.items()})  # type: ignore[arg-type]
    part = Path(file.name)
    try:
        with suppress(FileExistsError):
            path.hardlink_to(part)  # the first to come stays
    finally:
        part.unlink()
