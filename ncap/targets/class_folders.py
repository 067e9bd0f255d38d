"""A folder of class folders: which files it has, in which part and class. Nothing is opened.

photos/daisy/1.jpg, photos/tulip/2.png, ...             one folder per class
photos/train/daisy/1.jpg, photos/val/tulip/2.png, ...   the same inside train, val (or valid, validation) and test
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ncap.targets.decoding import EXTENSIONS

LAYOUT = "one folder of images per class, or such folders inside train, val and test"
_PART_OF = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


@dataclass
class ClassFolders:
    """The files of a folder, not opened.

    Attributes:
        class_names: sorted; a class's label is its place among them.
        parts: under "all", or "train"[, "val"][, "test"]: (path below the folder, label) of every image, sorted.
        others: what lies in class folders and is no image by its extension.
    """

    class_names: tuple[str, ...]
    parts: dict[str, list[tuple[str, int]]]
    others: list[str] = field(default_factory=list)


def find(folder: Path) -> ClassFolders:
    """The images below `folder` by their extensions, in capitals or not; hidden files and folders are passed over.

    Raises ValueError where the folder has no classes, a class without images to train on, or two folders for one part.
    """
    homes = part_folders(folder)
    names = tuple(_folders(homes.get("train") or homes["all"]))
    found = ClassFolders(names, {})
    for part, home in homes.items():
        labels = {name: label for label, name in enumerate(names)}
        if unknown := [name for name in _folders(home) if name not in labels]:
            raise ValueError(
                f"{home}: class {unknown[0]!r} has no folder in {homes['train']}, so nothing could learn it"
            )
        found.parts[part] = []
        for name in _folders(home):
            images, others = _files(home / name, folder)
            found.parts[part] += [(image, labels[name]) for image in images]
            found.others += others
            if not images and part in ("all", "train"):
                raise ValueError(f"{home / name}: {_no_images(home / name, others)}")
        if not found.parts[part]:
            raise ValueError(f"{home}: none of its folders has an image; fill it or remove it")
    return found


def part_folders(folder: Path) -> dict[str, Path]:
    """The folders that hold class folders: {"all": folder}, or one for each part. Raises ValueError as `find` does."""
    try:
        names = _folders(folder)
        parts = [(_PART_OF[name.lower()], name) for name in names if name.lower() in _PART_OF]
        nested = any(part == "train" and _folders(folder / name) for part, name in parts)
    except OSError as error:
        raise ValueError(f"{folder}: cannot be read ({error.strerror}); pass {LAYOUT}") from error
    if not nested:
        if len(names) < 2:
            raise ValueError(f"{folder}: has {len(names)} class folders, and two are needed; pass {LAYOUT}")
        return {"all": folder}
    if len(parts) < len(names):
        aside = next(name for name in names if name.lower() not in _PART_OF)
        raise ValueError(
            f"{folder}: {aside!r} lies beside {parts[0][1]!r} and is no part; move it away, or pass {LAYOUT}"
        )
    homes: dict[str, Path] = {}
    for part, name in sorted(parts, key=lambda pair: ("train", "val", "test").index(pair[0])):
        if part in homes:
            raise ValueError(f"{folder}: {homes[part].name!r} and {name!r} are both the part {part!r}; keep one")
        homes[part] = folder / name
    return homes


def _folders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def _files(folder: Path, root: Path) -> tuple[list[str], list[str]]:
    """Images and others in a class folder, as paths below the root."""
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
    below = folder.relative_to(root).as_posix()
    images = [name for name in names if name.rpartition(".")[2].lower() in EXTENSIONS and "." in name]
    kept = set(images)
    return [f"{below}/{name}" for name in images], [f"{below}/{name}" for name in names if name not in kept]


def _no_images(folder: Path, others: Sequence[str]) -> str:
    deeper = _folders(folder)
    if deeper:
        return f"has folders, such as {deeper[0]!r}, and no image; classes lie one level deep: pass {LAYOUT}"
    held = f"{len(others)} other files, such as {others[0]!r}," if others else "nothing"
    return f"has {held} and no image ({', '.join(EXTENSIONS)}); remove it, or put its images there"
