"""Checks of arguments, in one place: whole numbers, rates, sizes, times, switches, arrays of numbers, paths. Nothing heavy is loaded.

Every function here returns the value in its plain type, or raises an error that names the argument, the rule and the value.
"""

import errno
import math
import operator
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

LARGEST_SEED = 2**32 - 1  # the largest that scikit-learn's splits accept


def whole_number(name: str, value: Any, least: int = 0, most: int | None = None) -> int:
    """An int of at least `least`, numpy's included; not a bool, a float or text. Raises ValueError.

    >>> import numpy as np
    >>> whole_number("epochs", np.int64(5), least=1)
    5
    >>> whole_number("epochs", 2.5, least=1)
    Traceback (most recent call last):
    ValueError: epochs must be a whole number of at least 1, got 2.5
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least or (most is not None and number > most):
        span = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be a whole number {span}, got {value!r:.80}")
    return number


def seed_number(value: Any) -> int:
    """A seed from 0 to 2^32 - 1; not None, because everything random must be repeatable. Raises ValueError."""
    return whole_number("seed", value, least=0, most=LARGEST_SEED)


def rate(name: str, value: Any) -> float:
    """A float in [0, 1). Raises ValueError.

    >>> rate("dropout", 40)
    Traceback (most recent call last):
    ValueError: dropout must lie in [0, 1), got 40
    """
    number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else -1.0
    if not 0 <= number < 1:
        raise ValueError(f"{name} must lie in [0, 1), got {value!r:.80}")
    return number


def relative_error(value: Any) -> float:
    """A wanted standard error relative to the value itself, above 0 and below 1; a text is read as the command line writes it, "0.01".

    Raises TypeError or ValueError.

    >>> relative_error(1)
    Traceback (most recent call last):
    ValueError: error must lie between 0 and 1, such as 0.01 for a hundredth of beta_eff, got 1
    """
    number = value
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            number = None
    if not isinstance(number, Real) or isinstance(number, bool):
        raise TypeError(f"error must be a number such as 0.01, for a hundredth of beta_eff, got {value!r:.80}")
    if not 0 < float(number) < 1:
        raise ValueError(f"error must lie between 0 and 1, such as 0.01 for a hundredth of beta_eff, got {value!r:.80}")
    return float(number)


def part_size(name: str, value: Any) -> "float | int | None":
    """How much is split off for a part: a share (between 0 and 1), a number of images (1 or more), or None for the usual share.

    A text is read as the command line writes it, "0.2" or "15000". Raises ValueError.

    >>> part_size("validation", "15000"), part_size("validation", 0.2), part_size("test", None)
    (15000, 0.2, None)
    >>> part_size("validation", 1.5)
    Traceback (most recent call last):
    ValueError: validation must be a share between 0 and 1, such as 0.2, or a whole number of images, such as 15000, got 1.5
    """
    if value is None:
        return None
    given = value
    if isinstance(value, str):
        for kind in (int, float):
            with suppress(ValueError):
                value = kind(value)
                break
    if isinstance(value, Real) and not isinstance(value, bool):
        if 0 < float(value) < 1:
            return float(value)
        with suppress(TypeError):
            if operator.index(value) >= 1:  # type: ignore[arg-type]
                return operator.index(value)  # type: ignore[arg-type]
    raise ValueError(
        f"{name} must be a share between 0 and 1, such as 0.2, or a whole number of images, such as 15000, got {given!r:.80}"
    )


_BYTES = {"": 1, "b": 1}
_BYTES |= {f"{unit}b": 1000**power for power, unit in enumerate("kmgt", start=1)}
_BYTES |= {f"{unit}ib": 1024**power for power, unit in enumerate("kmgt", start=1)}
_SECONDS = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}


def byte_count(name: str, value: Any) -> int:
    """Bytes: a number of them, or a text with a unit, such as "4GB" (10^9 bytes each) or "512MiB". Raises ValueError.

    >>> byte_count("memory", "4GB"), byte_count("memory", "512 MiB")
    (4000000000, 536870912)
    >>> byte_count("memory", "much")
    Traceback (most recent call last):
    ValueError: memory must be a number of bytes, or one with a unit such as 4GB or 512MiB, got 'much'
    """
    number: Any = value
    if isinstance(value, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([a-z]*)\s*", value.lower())
        number = float(found[1]) * _BYTES[found[2]] if found and found[2] in _BYTES else -1
    if not isinstance(number, Real) or isinstance(number, bool) or not 1 <= float(number) < math.inf:
        raise ValueError(
            f"{name} must be a number of bytes, or one with a unit such as 4GB or 512MiB, got {value!r:.80}"
        )
    return int(float(number))


def duration(name: str, value: Any) -> float:
    """Seconds: a number of them, or a text with units, such as "30min" or "1h30min". Raises ValueError.

    >>> duration("budget", "30min"), duration("budget", "1h 30min"), duration("budget", 90)
    (1800.0, 5400.0, 90.0)
    >>> duration("budget", "soon")
    Traceback (most recent call last):
    ValueError: budget must be a time such as 30min, 90s or 1h30min, or a positive number of seconds, got 'soon'
    """
    number: Any = value
    if isinstance(value, str):
        part = rf"(\d+(?:\.\d*)?)\s*({'|'.join(sorted(_SECONDS, key=len, reverse=True))})"
        text = value.lower().strip()
        whole = re.fullmatch(rf"(?:{part}\s*)+", text)
        number = sum(float(count) * _SECONDS[unit] for count, unit in re.findall(part, text)) if whole else -1
        number = float(text) if re.fullmatch(r"\d+(\.\d*)?", text) else number
    if not isinstance(number, Real) or isinstance(number, bool) or not 0 < float(number) < math.inf:
        raise ValueError(
            f"{name} must be a time such as 30min, 90s or 1h30min, or a positive number of seconds, got {value!r:.80}"
        )
    return float(number)


def one_of(name: str, value: Any, known: Sequence[str]) -> str:
    """One of the known words. Raises ValueError, with the nearest one.

    >>> one_of("on_bad", "skp", ["fail", "skip"])
    Traceback (most recent call last):
    ValueError: on_bad must be one of fail, skip, got 'skp'; did you mean 'skip'?
    """
    if isinstance(value, str) and value in known:
        return value
    nearest = suggestion(value, known).rstrip() if isinstance(value, str) else ""
    raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r:.80}{'; ' * bool(nearest)}{nearest}")


def hidden_widths(value: Any) -> tuple[int, ...]:
    """The widths of a probe's hidden layers, two or more. Raises ValueError.

    >>> hidden_widths([256, 0])
    Traceback (most recent call last):
    ValueError: hidden[1] must be a whole number of at least 1, got 0
    """
    if isinstance(value, str) or not (isinstance(value, Sequence) or hasattr(value, "__array__")):
        raise ValueError(f"hidden must be a list of whole numbers such as (256, 128), got {value!r:.80}")
    widths = tuple(whole_number(f"hidden[{index}]", width, least=1) for index, width in enumerate(value))
    if len(widths) < 2:
        raise ValueError(
            f"hidden must name at least two layers, got {widths!r}: with one, no weight of the probe both sends and "
            "receives, and beta_eff is 0 whatever the training state; the paper uses hidden=(256, 128)"
        )
    return widths


def switch(name: str, value: Any) -> bool:
    """True or False, numpy's included; "no" and None are refused, although Python would treat them as a bool. Raises ValueError."""
    numpys = str(getattr(value, "dtype", "")) == "bool" and value.ndim == 0  # found out without loading numpy
    if not (isinstance(value, bool) or numpys):
        raise ValueError(f"{name} must be True or False, got {value!r:.80}")
    return bool(value)


def numbers(name: str, value: Any) -> "np.ndarray":
    """An array of real numbers of any shape and dtype, NaN included. Raises ValueError.

    >>> numbers("x", ["a", "b"])
    Traceback (most recent call last):
    ValueError: x must be an array of real numbers, got dtype <U1 of shape (2,)
    >>> numbers("x", None)
    Traceback (most recent call last):
    ValueError: x must be an array of real numbers, got None
    """
    array = as_array(name, value)
    if array.dtype == object and array.ndim:  # numbers in a table's object column; None becomes NaN
        with suppress(TypeError, ValueError):
            array = array.astype("float64")
    if array.dtype.kind not in "biuf":
        given = f"dtype {array.dtype} of shape {array.shape}" if array.ndim else f"{value!r:.80}"
        raise ValueError(f"{name} must be an array of real numbers, got {given}")
    return array


def as_array(name: str, value: Any) -> "np.ndarray":
    """The value as a numpy array. Raises ValueError for ragged lists, symbolic tensors and tensors on another device.

    Repeated in ncap.reference.arguments, because the oracle imports nothing of ncap, and importing the oracle here would load numba.
    """
    import numpy as np

    if np.ma.is_masked(value):
        raise ValueError(
            f"{name} is a masked array, and what its mask hides would be read; pass {name}.filled(number) or leave rows out"
        )
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} must be one array of real numbers: {error}") from None


def check_same_index(first: tuple[str, Any], second: tuple[str, Any]) -> None:
    """Raise ValueError for two tables or series of pandas whose rows have other labels, given as (name, value): rows go by position.

    >>> import pandas as pd
    >>> check_same_index(("x", pd.Series([1.0, 2.0])), ("y", pd.Series([3.0, 4.0], index=[1, 0])))
    Traceback (most recent call last):
    ValueError: x and y go by position, but their indices differ, got [0, 1] and [1, 0]; pass y.reindex(x.index)
    """
    indices: list[Any] = [getattr(value, "index", None) for _, value in (first, second)]
    if all(hasattr(index, "equals") for index in indices) and not indices[0].equals(indices[1]):
        own, other = (f"{list(index)!r:.60}" for index in indices)
        raise ValueError(
            f"{first[0]} and {second[0]} go by position, but their indices differ, got {own} and {other}; "
            f"pass {second[0]}.reindex({first[0]}.index)"
        )


def is_name(value: Any) -> bool:
    """Whether a value can name a row of a store: a text that is not empty, without the halves of characters that UTF-8 cannot write.

    >>> is_name("größe"), is_name(""), is_name("\\udcff")
    (True, False, False)
    """
    return isinstance(value, str) and value != "" and value == value.encode(errors="ignore").decode()


def same_name(one: str, other: str) -> bool:
    """Whether two names are one but for capitals and the blanks around them.

    >>> same_name("Digits ", "digits"), same_name("digits", "digits2")
    (True, False)
    """
    return one.strip().casefold() == other.strip().casefold()


def path_text(name: str, value: Any) -> str:
    """A path as text. Raises TypeError for anything else, ValueError for an empty path, which would mean the current folder."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name} must be a path, a text or a pathlib.Path, got {value!r:.80}")
    text = os.fspath(value)
    if not isinstance(text, str) or not text:
        raise ValueError(f"{name} must be a path, got {text!r}")
    return text


def make_folder(name: str, value: Any) -> Path:
    """A folder, created if it is missing. Raises ValueError if it cannot be created or written, OSError if the disk is full."""
    folder = Path(path_text(name, value))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ValueError(
            f"{name} must be a folder that can be written, got {str(value)!r} ({error.strerror})"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):  # mkdir does not complain about a folder that exists already
        raise ValueError(f"{name} must be a folder that can be written, got {str(value)!r}")
    return folder


def suggestion(word: str, known: Sequence[str]) -> str:
    """The known name nearest to a mistyped one, as the beginning of a hint; "" if none is near.

    >>> suggestion("Digit", ["digits", "cifar10"])
    "did you mean 'digits'? "
    >>> suggestion("resnet50", ["ResNet50"])
    "did you mean 'ResNet50'? "
    """
    spelled = {name.lower(): name for name in known}
    nearest = get_close_matches(word.strip().lower(), spelled, n=1)
    return f"did you mean {spelled[nearest[0]]!r}? " if nearest else ""
