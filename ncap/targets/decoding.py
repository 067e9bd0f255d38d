"""One picture: the bytes of a JPEG, PNG, WebP, BMP or GIF file in, pixels out, as people see them.

- Grey (with or without transparency) gives one channel, everything else three: CMYK and palettes are converted to RGB.
- 16 bits become 8 by their upper byte, 0..65535 to 0..255.
- What is transparent is laid on white.
- Of an animation, the first frame is taken.
- An orientation in the EXIF data is applied: the picture stands as the camera was held.
- The content decides what a file is, not its extension.

What cannot be decoded to the last pixel is refused, and so is, by the size that its header says, what would fill the memory.
"""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFile

from ncap.reasons import one_line
from ncap.targets.images import Spans

KINDS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
MOST_PIXELS = (
    89_478_485  # Pillow's own limit, a quarter of a gigabyte in RGB: beyond it, it warns of a decompression bomb
)
RULES = "1"  # changes when the same file gives other pixels

_OF_EXTENSION = {"jpg": "JPEG", "jpeg": "JPEG", "jpe": "JPEG", "jfif": "JPEG"} | {
    kind.lower(): kind for kind in KINDS[1:]
}
EXTENSIONS = tuple(_OF_EXTENSION)
_JPEG = b"\xff\xd8\xff"
_ORIENTATION = 0x0112  # the tag of EXIF
_TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PILLOW = re.compile(r"PIL\.")


class DamagedError(ValueError):
    """A file that cannot be read as a picture; the message says why, and not which."""


class Picture(NamedTuple):
    """Pixels uint8 (h, w, 1 or 3), and what had to be done for them, as words of `SAID`."""

    pixels: np.ndarray
    done: tuple[str, ...]


# What is said of a number of files, by the word that `Picture.done` has for it.
SAID = {
    "cmyk": "in CMYK, converted to RGB",
    "16-bit": "of 16 bits, scaled to 0..255",
    "transparent": "with transparency, laid on white",
    "animated": "animated, of which the first frame is taken",
    "turned": "turned as their EXIF data say",
    "extension": "of another kind than their extension says, read by their content",
}


def decode(data: bytes, name: str = "") -> Picture:
    """The picture that the bytes of a file are; `name` is that of the file, for its extension.

    Raises DamagedError for what is no such picture, or not a whole one, and for more than `MOST_PIXELS` pixels.

    >>> file = BytesIO()
    >>> Image.new("LA", (2, 1), (0, 51)).save(file, "PNG")     # black, of which a fifth covers what is below
    >>> picture = decode(file.getvalue(), "black.jpg")
    >>> picture.pixels.shape, picture.pixels.ravel(), picture.done
    ((1, 2, 1), array([204, 204], dtype=uint8), ('transparent', 'extension'))
    """
    with _opened(data) as file:
        done = _of_header(file, name)
        file.load()
        image, done["transparent"] = _plain(file)
        turn = _orientation(file)
        done |= {"turned": turn in _TURNED, "animated": _is_animated(file)}
        return Picture(_pixels(image, turn), tuple(word for word in SAID if done[word]))


def decode_for(data: bytes, sides: tuple[int, int], done: Sequence[str]) -> tuple[np.ndarray, Spans]:
    """The pixels (h, w, 1 or 3) of a picture that `decode` has read, about to be shrunk to `sides`, height and width; and its spans.

    They are those of `decode`, but that a JPEG which shrinks to a half, a quarter or an eighth on both sides is decoded at that scale,
    which its cosine transform makes cheap: a photograph of 12 million pixels in a quarter of the time. The last row and column may then
    stand for a part of a pixel, which the spans say (see `ncap.targets.images.convert`).

    done: what `decode` said. An ordinary JPEG (neither CMYK nor turned) is decoded by simplejpeg, in a third of the time that Pillow takes
    and outside Python's lock; both call libjpeg-turbo, and the pixels are the same.
    """
    if data.startswith(_JPEG) and not {"cmyk", "turned"} & set(done):
        with suppress(ValueError):  # the oddest of files is left to Pillow, which has read it before
            return _plain_jpeg(data, sides)
    with _opened(data) as file:
        turn = _orientation(file) if "turned" in done else 1
        width, height = file.size
        scale = _reduce(file, sides if turn < 5 else sides[::-1], exactly=turn != 1)
        file.load()
        spans = height / scale, width / scale
        return _pixels(_plain(file)[0], turn), spans if turn < 5 else spans[::-1]


def _plain_jpeg(data: bytes, sides: tuple[int, int]) -> tuple[np.ndarray, Spans]:
    """`decode_for` of a JPEG that is grey or in colour and stands as it is to be seen; ValueError where simplejpeg cannot read it."""
    import simplejpeg

    height, width, space, _ = simplejpeg.decode_jpeg_header(data)
    scale = _scale(height, width, sides)
    least = (-(-height // scale), -(-width // scale)) if scale > 1 else (0, 0)
    pixels = simplejpeg.decode_jpeg(
        data,
        "GRAY" if space == "Gray" else "RGB",
        fastdct=False,  # as Pillow has it, to the last bit
        fastupsample=False,
        min_height=least[0],
        min_width=least[1],
        min_factor=1,
    )
    return pixels, (height / scale, width / scale)


@contextmanager
def _opened(data: bytes) -> Iterator[ImageFile.ImageFile]:
    """The file, its header read; whatever is raised inside the block leaves as a DamagedError."""
    if not data:
        raise DamagedError("it is empty")
    _silence_pillow()
    try:
        with Image.open(BytesIO(data), formats=KINDS) as file:
            if min(file.size) < 1 or file.width * file.height > MOST_PIXELS:
                raise DamagedError(f"it has {file.width} x {file.height} pixels; from 1 to {MOST_PIXELS:,} are read")
            yield file
    except DamagedError:
        raise
    except Image.UnidentifiedImageError:
        raise DamagedError("it is no JPEG, PNG, WebP, BMP or GIF") from None
    except Image.DecompressionBombError:
        raise DamagedError(f"it has more than {MOST_PIXELS:,} pixels") from None
    except (
        Exception
    ) as error:  # whatever damaged bytes lead to: OSError, SyntaxError, struct.error, IndexError, MemoryError, ...
        raise DamagedError(one_line(error, 100)) from None


def _reduce(file: ImageFile.ImageFile, sides: tuple[int, int], exactly: bool) -> int:
    """Have a JPEG decoded at 1/8, 1/4 or 1/2 where that leaves `sides`, (h, w), at least; `exactly`: without a part of a pixel."""
    if file.format not in ("JPEG", "MPO"):
        return 1
    width, height = file.size
    scale = _scale(height, width, sides, exactly)
    if scale > 1:
        file.draft(None, (width // scale, height // scale))
    return scale if file.size == (-(-width // scale), -(-height // scale)) else 1


def _scale(height: int, width: int, sides: tuple[int, int], exactly: bool = False) -> int:
    most = min(height // sides[0], width // sides[1])
    return next((each for each in (8, 4, 2) if each <= most and not (exactly and (width % each or height % each))), 1)


def _pixels(image: Image.Image, turn: int) -> np.ndarray:
    pixels = np.asarray(image.transpose(_TURNED[turn]) if turn in _TURNED else image)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def _silence_pillow() -> None:
    """Pillow warns of metadata that are cut off, and the like: nothing that a user could act on, and once per file.

    Decoding runs in threads, which share one list of filters, so that it is extended for good and not for a while.
    """
    if not any(module == _PILLOW for _, _, _, module, _ in warnings.filters):
        warnings.filterwarnings("ignore", module=_PILLOW.pattern)


def _of_header(file: ImageFile.ImageFile, name: str) -> dict[str, bool]:
    kind = "JPEG" if file.format == "MPO" else file.format  # a JPEG with more pictures behind it, as telephones write
    expected = _OF_EXTENSION.get(name.rpartition(".")[2].lower(), kind)
    return {"cmyk": file.mode == "CMYK", "16-bit": _raw_mode(file).endswith(";16B"), "extension": kind != expected}


def _raw_mode(file: ImageFile.ImageFile) -> str:
    """How the pixels are stored, in Pillow's words: "RGB;16B" of a PNG of 16 bits, say, which is read as "RGB"."""
    given = file.tile[0].args if file.tile else ""
    first = given[0] if isinstance(given, tuple) and given else given
    return first if isinstance(first, str) else ""


def _plain(file: ImageFile.ImageFile) -> tuple[Image.Image, bool]:
    """The picture in mode L or RGB, and whether anything of it is transparent."""
    if file.mode.startswith("I"):
        return Image.fromarray((np.asarray(file).astype(np.uint16) >> 8).astype(np.uint8)), False
    plain = "L" if file.mode in ("1", "L", "LA", "La") else "RGB"
    if file.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in file.info:
        layers = file.convert("LA" if plain == "L" else "RGBA")
        opacity = layers.getchannel("A")
        if opacity.getextrema()[0] == 255:
            return layers.convert(plain), False
        return Image.composite(layers.convert(plain), Image.new(plain, file.size, "white"), opacity), True
    return (file if file.mode == plain else file.convert(plain)), False


def _orientation(file: ImageFile.ImageFile) -> int:
    try:
        return int(file.getexif().get(_ORIENTATION, 1))
    except Exception:  # the picture is whole: damaged EXIF data say nothing about it
        return 1


def _is_animated(file: ImageFile.ImageFile) -> bool:
    try:
        return file.format != "MPO" and bool(getattr(file, "is_animated", False))
    except Exception:  # what follows the first frame is not read
        return False
