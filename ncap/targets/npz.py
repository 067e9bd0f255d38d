"""Targets in .npz files."""

import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

from ncap.targets.arrays import ArrayTarget
from ncap.targets.contract import Format
from ncap.targets.parts import Part

_LAYOUT = "x_train, y_train[, x_val, y_val][, x_test, y_test], or x, y"
_PARTS = {"all": ("x", "y")} | {part: (f"x_{part}", f"y_{part}") for part in ("train", "val", "test")}


def read(path: str | Path, seed: int) -> ArrayTarget:
    """The target in the .npz file at `path`, named by the file's stem; missing parts are split off by `seed`.

    Keys: x_train, y_train[, x_val, y_val][, x_test, y_test], or x, y; others are ignored unless they begin with x_ or y_.
    Images (n, h, w[, c]), integers or floats from 0 to 255 (floats in 0..1 are multiplied by 255, with a warning); labels the
    integers 0..C-1. Pickled (object) arrays are never loaded. Raises ValueError, naming file, key and remedy, for anything else.
    """
    path = Path(path)
    check_file(path)
    try:
        return ArrayTarget.from_parts(path.stem, _parts(path), seed)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def check_file(path: Path) -> None:
    """Raise ValueError unless `path` is a .npz archive; what it holds is not read."""
    try:
        with path.open("rb") as file:
            archive = zipfile.is_zipfile(file)
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be read ({error.strerror}); pass the path of a .npz file with the arrays x and y"
        ) from error
    if not archive:
        raise ValueError(f"{path}: not an .npz archive; save it with numpy.savez_compressed")


def _parts(path: Path) -> dict[str, Part]:
    with np.load(path, allow_pickle=False) as archive:
        _check_keys(set(archive.files))
        return {
            part: (_images(archive, x), _array(archive, y)) for part, (x, y) in _PARTS.items() if x in archive.files
        }


def _check_keys(keys: set[str]) -> None:
    known = {key for pair in _PARTS.values() for key in pair}
    used = keys & known
    unknown = sorted(key for key in keys - known if key.startswith(("x_", "y_")))
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}; the keys are {_LAYOUT}")
    for pair in _PARTS.values():
        if len(used & set(pair)) == 1:
            raise ValueError(f"{pair[0]} and {pair[1]} must be given together, got {sorted(used)}")
    if used != {"x", "y"} and ("x" in used or "x_train" not in used):
        raise ValueError(f"the keys must be {_LAYOUT}; got {sorted(keys)}")


def _images(archive: np.lib.npyio.NpzFile, key: str) -> np.ndarray:
    x = _array(archive, key)
    if x.dtype.kind == "f" and x.size and x.min() >= 0 and x.max() <= 1:
        warnings.warn(
            f"{key}: floats in 0..1 are read as fractions of 255, as images are passed as 0..255", stacklevel=2
        )
        x = x * 255
    return x


def _array(archive: np.lib.npyio.NpzFile, key: str) -> np.ndarray:
    try:
        return np.asarray(archive[key])
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{key} cannot be read ({error}); save arrays of numbers, object arrays are pickles and never loaded"
        ) from error


def _accepts(path: Path) -> bool:
    return path.name.endswith(".npz") or (len(str(path)) < 256 and path.exists())  # the system refuses longer names


FORMAT = Format("the path of a .npz file", _accepts, check_file, read)
