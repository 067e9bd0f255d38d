"""Where the files of named data sets lie: copies in the folder $NCAP_DATA come first, then those that Keras has downloaded."""

from collections.abc import Iterable
from pathlib import Path

from ncap.folders import data_folder


def local_copy(file: str) -> Path | None:
    """The file $NCAP_DATA/images/<file>, None where there is no such file."""
    folder = data_folder()
    path = folder / "images" / file if folder else None
    return path if path and path.is_file() else None


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
