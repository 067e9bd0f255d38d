"""Targets in .npz files."""

import math
import zipfile
from io import SEEK_END, BytesIO
from pathlib import Path

import numpy as np

from ncap.reasons import one_line
from ncap.targets.arrays import ArrayTarget, load_arrays
from ncap.targets.contract import Format, Loading
from ncap.targets.parts import Part

_LAYOUT = "x_train, y_train[, x_val, y_val][, x_test, y_test], or x, y"
_END = 22  # bytes of the end of an archive, its comment left out
_LONGEST_HEADER = 2**16  # bytes of an array's header, and of what comes before it
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_UNSUSPICIOUS, _MOST_PACKED = (
    2**28,
    200,
)  # bytes that no one minds; how much larger images are than what they are packed into
_PARTS = {"all": ("x", "y")} | {part: (f"x_{part}", f"y_{part}") for part in ("train", "val", "test")}


def read(path: str | Path, loading: Loading, name: str | None = None) -> ArrayTarget:
    """The target in the .npz file at `path`, named by the file's stem unless named; missing parts are split off as `loading` says.

    Keys: x_train, y_train[, x_val, y_val][, x_test, y_test], or x, y; others are ignored unless they begin with x_ or y_.
    Images (n, h, w[, c]), integers or floats from 0 to 255 (if all parts lie in 0..1, floats are multiplied by 255, with a warning);
    labels the integers 0..C-1. Pickled (object) arrays are never loaded. Raises ValueError, naming file, key and remedy, for anything else.
    """
    path = Path(path)
    check_file(path)
    stem = path.stem.encode("utf-8", "backslashreplace").decode()  # what a store can keep
    try:
        return load_arrays(name or stem, _parts(path), loading)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def check_file(path: Path) -> None:
    """Raise ValueError unless `path` is a .npz archive; what it holds is not read."""
    try:
        # A pipe would be waited for.
        waits = path.exists() and not path.is_file() and not path.is_dir()
        if not waits:
            with path.open("rb") as file:
                archive = zipfile.is_zipfile(file)
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be read ({error.strerror}); pass the path of a .npz file with the arrays x and y"
        ) from error
    if waits:
        raise ValueError(f"{path}: not a file; pass the path of a .npz file with the arrays x and y")
    if not archive:
        raise ValueError(f"{path}: not an .npz archive; save it with numpy.savez_compressed")


def _parts(path: Path) -> dict[str, Part]:
    try:
        archive = np.load(path, allow_pickle=False)
    except Exception as error:  # a damaged archive raises whatever its bytes lead to
        raise ValueError(
            f"cannot be read as an archive ({one_line(error, 200)}); save it with numpy.savez_compressed"
        ) from error
    with archive:
        _check_members(archive.zip, path)
        _check_keys(set(archive.files))
        pairs = {part: pair for part, pair in _PARTS.items() if pair[0] in archive.files}
        _check_sizes(archive.zip, list(pairs.values()), path.stat().st_size)
        return {part: (_array(archive, x), _array(archive, y)) for part, (x, y) in pairs.items()}


def _check_members(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse an archive whose list has fewer members than its end says: one wrong length there hides those that follow."""
    with path.open("rb") as file:
        file.seek(-_END - len(archive.comment), SEEK_END)
        end = file.read(_END)
    listed = min(len(archive.infolist()), 2**16 - 1)  # the most that the end can say
    if end[:4] != b"PK\x05\x06" or int.from_bytes(end[10:12], "little") != listed:
        raise ValueError(
            "cannot be read as an archive (its list of members is damaged); save it with numpy.savez_compressed"
        )


def _check_sizes(archive: zipfile.ZipFile, pairs: list[tuple[str, str]], size: int) -> None:
    """Refuse, before anything is unpacked, arrays whose lengths do not fit, or that are too large to be images for the file's size."""
    total = 0
    for x, y in pairs:
        (images, of_x), (labels, of_y) = _length(archive, x), _length(archive, y)
        if images != labels:
            raise ValueError(f"{x} has {images} images, but {y} has {labels} labels")
        total += of_x + of_y
    if total > max(_UNSUSPICIOUS, _MOST_PACKED * size):
        raise ValueError(
            f"its arrays take {total / 1e9:.1f} GB, packed into {size / 1e6:.1f} MB as no images are; if they are right, save them "
            "with numpy.savez"
        )


def _length(archive: zipfile.ZipFile, key: str) -> tuple[int, int]:
    """The number of entries of an array and its size in bytes, from its header."""
    members = [member for member in archive.infolist() if member.filename == f"{key}.npy"]
    if len(members) != 1:
        raise ValueError(f"{key} must be one array, the archive has {len(members)} of that name")
    try:
        with archive.open(members[0]) as file:
            head = BytesIO(file.read(_LONGEST_HEADER))
        read_header = _HEADERS[np.lib.format.read_magic(head)]
        shape, _, dtype = read_header(head)
        size = math.prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise ValueError("it holds objects")
        if head.tell() + size != members[0].file_size:
            raise ValueError(f"it has {members[0].file_size} bytes, its header says {head.tell() + size}")
        return (shape[0] if shape else 1), size
    except Exception as error:
        raise _unreadable(key, error) from error


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


def _array(archive: np.lib.npyio.NpzFile, key: str) -> np.ndarray:
    try:
        return np.asarray(archive[key])
    except Exception as error:  # its checksum among it
        raise _unreadable(key, error) from error


def _unreadable(key: str, error: Exception) -> ValueError:
    return ValueError(
        f"{key} cannot be read ({one_line(error, 200)}); save arrays of numbers, object arrays are pickles and never loaded"
    )


def _accepts(path: Path) -> bool:
    return path.name.endswith(".npz") or (len(str(path)) < 256 and path.exists())  # the system refuses longer names


FORMAT = Format("the path of a .npz file", _accepts, check_file, read)
