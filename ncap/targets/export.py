"""Any target as a folder of PNG files, which `ncap rank --target FOLDER` reads, and so does everything else."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ncap.arguments import path_text

if TYPE_CHECKING:
    from ncap.targets.contract import Target


def export_folder(target: "Target", folder: str | Path) -> Path:
    """Write the images of a target as FOLDER/PART/CLASS/NUMBER.png, and return the folder.

    Bytes and whole numbers are kept exactly; other pixels are rounded. A class without a name is called by its label. Raises ValueError
    for a folder that holds something, for images that are neither grey nor RGB, and for a class name that is no name of a folder.

    >>> import tempfile
    >>> from ncap import targets
    >>> folder = export_folder(targets.load("digits").few(20, seed=0), Path(tempfile.mkdtemp()) / "digits")
    >>> sorted(part.name for part in folder.iterdir()), len(list(folder.glob("train/7/*.png")))
    (['test', 'train', 'val'], 2)
    """
    from PIL import Image

    folder = Path(path_text("folder", folder))
    names = class_folders(target)
    if target.input_shape[2] not in (1, 3):
        raise ValueError(f"{target.name!r:.80}: PNG files hold 1 or 3 channels, got images of {target.input_shape[2]}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"folder: {str(folder)!r} holds something already; pass a new one")
    for part in target.parts:
        for name in names:
            (folder / part / name).mkdir(parents=True, exist_ok=True)
        digits = len(str(target.lengths[part] - 1))
        for row, label in enumerate(target.labels(part)):
            pixels = np.rint(target.images(part, np.array([row]))[0]).astype(np.uint8)
            Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(
                folder / part / names[label] / f"{row:0{digits}}.png"
            )
        for name in names:  # a part other than training may lack a class
            if not any((folder / part / name).iterdir()):
                (folder / part / name).rmdir()
    return folder


def class_folders(target: "Target") -> tuple[str, ...]:
    """The names of the class folders, in the order of the labels: sorted, so that reading them gives the same labels."""
    digits = len(str(target.classes - 1))
    names = target.class_names or tuple(f"{label:0{digits}}" for label in range(target.classes))
    bad = [name for name in names if not name or name.startswith(".") or "/" in name or "\\" in name]
    if bad or list(names) != sorted(set(names)):
        raise ValueError(
            f"class names must be sorted, different, and fit to name folders, got {bad[0] if bad else names!r:.80}"
        )
    return names
