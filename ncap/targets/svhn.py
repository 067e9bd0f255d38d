"""SVHN, the street-view house numbers cut to single digits, in its published form: train_32x32.mat and test_32x32.mat."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ncap import framework
from ncap.folders import data_folder, keras_folder
from ncap.targets.arrays import ArrayTarget, load_arrays
from ncap.targets.contract import Format, Loading, Source, Target
from ncap.targets.parts import Part
from ncap.targets.places import first_file

# Netzer et al. 2011; the sums are those that torchvision checks.
_ORIGIN = "http://ufldl.stanford.edu/housenumbers/"
_FILES = {
    "train": ("train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
    "test": ("test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"),
}


def load(loading: Loading) -> Target:
    """SVHN from $NCAP_DATA, $NCAP_DATA/images or Keras' cache, where it is downloaded if need be; `loading` decides the splits.

    Raises ValueError where the files are neither there nor can be downloaded, and where they are not what they should be.
    """
    return _target(
        "svhn",
        {part: first_file(name, _places()) or _download(name, md5) for part, (name, md5) in _FILES.items()},
        loading,
    )


def read_folder(folder: Path, loading: Loading) -> ArrayTarget:
    """The target of the two files in a folder, named by the folder."""
    return _target(folder.name, {part: folder / name for part, (name, _) in _FILES.items()}, loading)


def read_mat(path: Path) -> Part:
    """Images uint8 (n, 32, 32, 3) and labels 0..9 of one file, which has X (32, 32, 3, n) and y (n, 1) in 1..10, where 10 is the digit 0.

    Raises ValueError, naming the file, for one that is damaged or holds something else.
    """
    from scipy.io import loadmat

    try:
        content = loadmat(str(path), variable_names=["X", "y"])
    except Exception as error:  # a damaged file raises whatever its bytes lead to
        raise ValueError(
            f"{path}: cannot be read as a .mat file of SVHN ({error}); download it again from {_ORIGIN}"
        ) from error
    images, labels = (np.asarray(content.get(key, ())) for key in ("X", "y"))
    count = images.shape[-1] if images.ndim == 4 else 0
    if not count or labels.size != count or images.dtype != np.uint8 or labels.dtype.kind not in "ui":
        raise ValueError(
            f"{path}: X must be bytes (h, w, c, n) and y whole numbers (n, 1), got {images.dtype} {images.shape} and {labels.dtype} "
            f"{labels.shape}; pass the files of format 2, cropped digits"
        )
    labels = labels.ravel().astype(np.int64)
    if labels.min() < 0 or labels.max() > 10:
        raise ValueError(f"{path}: labels must lie in 1..10, got {labels.min()} to {labels.max()}")
    return np.ascontiguousarray(images.transpose(3, 0, 1, 2)), labels % 10


def _target(name: str, files: dict[str, Path], loading: Loading) -> ArrayTarget:
    return load_arrays(name, {part: read_mat(path) for part, path in files.items()}, loading)


def _places() -> Sequence[Path]:
    own, keras = data_folder(), keras_folder("datasets")
    return [*([own, own / "images", own / "svhn"] if own else []), keras, keras / "svhn"]


def _download(name: str, md5: str) -> Path:
    framework.load()
    import keras

    try:
        return Path(keras.utils.get_file(name, _ORIGIN + name, file_hash=md5, hash_algorithm="md5"))
    except Exception as error:  # keras raises a bare Exception when the download fails
        raise ValueError(
            f"target 'svhn' cannot be reached: no file {name} in {', '.join(map(str, _places()))}, and it cannot be downloaded ({error}); "
            "place it there, or connect to a network once"
        ) from error


def _at_hand() -> str:
    return "yes" if all(first_file(name, _places()) for name, _ in _FILES.values()) else "to download"


def _accepts(path: Path) -> bool:
    return len(str(path)) < 256 and all((path / name).is_file() for name, _ in _FILES.values())


SOURCE = Source(
    "svhn", (32, 32, 3), 10, "train_32x32.mat and test_32x32.mat in $NCAP_DATA or Keras' cache, else downloaded", load,
    "non-commercial (Netzer et al. 2011)", _at_hand,
)  # fmt: skip
FORMAT = Format("a folder with SVHN's .mat files", _accepts, lambda path: None, read_folder)
