"""The standard streams of a command: open, and able to print every character in some way."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def make_streams_safe() -> None:
    """See that every standard stream is open, and that none raises because of a character: it is written as an escape.

    A file that is opened while one of the descriptors 0 to 2 is closed gets its number, and whatever is printed there, warnings of
    libraries among it, would be written into that file.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115, PTH123
        stream: Any = getattr(sys, name)
        if name != "stdin" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def printable_warnings() -> Iterator[None]:
    """For the length of the block, a warning is one line without the place in the code, and with nothing that a terminal obeys."""
    before: Any = warnings.formatwarning

    def format_warning(message: Warning | str, *place: Any, **options: Any) -> str:
        from ncap.terminal import printable

        if os.environ.get("NCAP_DEBUG") == "1":
            return printable(before(message, *place, **options))
        return f"warning: {printable(str(message))}\n"

    warnings.formatwarning = format_warning
    try:
        yield
    finally:
        warnings.formatwarning = before
