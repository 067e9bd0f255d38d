"""The console that commands and jobs print to, and the characters that reach it.

Names are data: of a candidate, a target, a file. What a terminal would obey in them is shown and not sent, and what the stream cannot
encode is written as an escape: a job must not end because of a name.
"""

import codecs
import re
import sys
from collections.abc import Iterable
from typing import IO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

WIDTH_OF_A_FILE = 160  # columns; a pipe or file has no width of its own

# All control characters of ASCII and Latin-1 but tab and newline, and those that turn the direction of the text around.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str, encoding: str = "utf-8") -> str:
    """A text without anything that a terminal obeys or `encoding` lacks: such characters are written as Python writes them.

    >>> printable("a\\x1b[31m")
    'a\\\\x1b[31m'
    >>> printable("größe", "ascii")
    'gr\\\\xf6\\\\xdfe'
    """
    shown = _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def encoding_of(stream: IO[str] | None) -> str:
    """The encoding of a stream; UTF-8 where it knows none."""
    name = getattr(stream, "encoding", None) or "utf-8"
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "utf-8"


def name_cell(value: object) -> Text:
    """A name as a cell of a table, as wide as it is printed; it knows no markup."""
    return Text(printable(str(value), encoding_of(sys.stdout)))


class _Console(Console):
    """A console that sends every text as `printable` makes it, and its own colours and movements as they are."""

    @property
    def encoding(self) -> str:
        """Of the stream that is printed to; boxes and bars are drawn in what it has."""
        return encoding_of(self.file)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of what is printed."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else printable(text, self.encoding), style, control)


def open_console(quiet: bool = False) -> Console:
    """A console as wide as the terminal; in a pipe or file wide enough for the tables."""
    made = _Console(quiet=quiet)
    return made if made.is_terminal else _Console(quiet=quiet, width=WIDTH_OF_A_FILE)
