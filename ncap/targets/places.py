"""Where the files of named data sets lie: copies in the folder $NCAP_DATA come first, then the cache that Keras downloads into."""

import os
from collections.abc import Iterable
from pathlib import Path


def data_folder() -> Path | None:
    """The folder $NCAP_DATA, None where the variable is not set."""
    folder = os.environ.get("NCAP_DATA")
    return Path(folder) if folder else None


def local_copy(file: str) -> Path | None:
    """The file $NCAP_DATA/images/<file>, None where there is no such file."""
    folder = data_folder()
    path = folder / "images" / file if folder else None
    return path if path and path.is_file() else None


def keras_cache() -> Path:
    """The folder of data sets that Keras has downloaded: $KERAS_HOME/datasets, else ~/.keras/datasets."""
    return Path(os.environ.get("KERAS_HOME") or Path("~", ".keras").expanduser()) / "datasets"


def first_file(name: str, folders: Iterable[Path]) -> Path | None:
    """The first file of that name in any of the folders, None where there is none."""
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def looked_for(file: str) -> str:
    """In words, for an error: what NCAP_DATA is, and which file it lacks.

    >>> import os
    >>> _ = os.environ.pop("NCAP_DATA", None)
    >>> looked_for("birds64.npz")
    'NCAP_DATA is not set, so there is no file images/birds64.npz in it'
    """
    folder = data_folder()
    return (
        f"{folder} (NCAP_DATA) has no file images/{file}"
        if folder
        else f"NCAP_DATA is not set, so there is no file images/{file} in it"
    )
