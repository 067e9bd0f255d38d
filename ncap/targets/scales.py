"""The scale of images, 0..255 or 0..1: decided once over all parts of a target, never part by part."""

import warnings
from collections.abc import Mapping

import numpy as np

from ncap.targets.parts import Part

_DARK = 32  # an eighth of white: no part of photographs or drawings has nothing brighter
_JUST_ABOVE = 2.0  # what a rounded, sharpened or resized image in 0..1 may reach, and none in 0..255 has as its maximum


def one_scale(parts: Mapping[str, Part]) -> dict[str, Part]:
    """The parts with floats in 0..1 multiplied by 255, with a warning; the largest value of all parts decides for all of them.

    Raises ValueError where that value lies just above 1, up to 2, which is neither scale, and where only some parts lie in 0..1. Parts of
    integers alone are left as they are, and so are values outside 0..255, which `as_images` refuses.

    >>> x, y = np.full((2, 4, 4), 51, np.uint8), np.arange(2)
    >>> one_scale({"all": (x, y)})["all"][0].max()
    np.uint8(51)
    """
    images = {f"x_{part}" if part != "all" else "x": np.asarray(x) for part, (x, _) in parts.items()}
    floats = [name for name, x in images.items() if x.dtype.kind == "f"]
    if not floats or not all(_are_pixels(x) for x in images.values()):
        return dict(parts)
    largest = {name: float(x.max()) for name, x in images.items()}
    top = max(largest.values())
    brightest = max(largest, key=largest.__getitem__)
    fractions = [name for name in floats if 0 < largest[name] <= 1]
    if 1 < top <= _JUST_ABOVE:
        raise ValueError(
            f"{brightest}: its largest value is {top:.6g}, just above 1: neither fractions of white nor values in 0..255; if they are "
            "fractions, clip every part to 1 (x.clip(0, 1)), else multiply by what makes white 255"
        )
    if fractions and top > 1:
        raise ValueError(
            f"{fractions[0]}: its values lie in 0..1, but those of {brightest} reach {top:g}; save all parts in one scale, 0..255"
        )
    if not fractions:
        return dict(parts)
    warnings.warn(
        f"{', '.join(floats)}: floats in 0..1 are read as fractions of 255, as images are passed as 0..255",
        stacklevel=4,
    )
    return {part: (np.asarray(x) * 255, y) for part, (x, y) in parts.items()}


def _are_pixels(x: np.ndarray) -> bool:
    """Whether an array holds numbers that are finite and not negative; what else it must be is checked later."""
    return x.dtype.kind in "uif" and x.size > 0 and float(x.min()) >= 0 and float(x.max()) < np.inf


def warn_of_scales(images: Mapping[str, np.ndarray]) -> None:
    """Warn of parts that a network which takes 0..255 would see black: in 0..1, or in another scale than the training part."""
    largest = {part: float(x.max()) for part, x in images.items()}
    for part, value in largest.items():
        if 0 < value < _DARK:
            rest = "" if part == "train" else f", that of x_train {largest['train']:g}"
            warnings.warn(
                f"x_{part}: its largest value is {value:g}{rest}, but candidates take 0..255 and will see it almost black; multiply it "
                "if it is in another scale",
                stacklevel=4,
            )
