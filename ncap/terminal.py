"""The console that commands and jobs print to."""

from rich.console import Console

WIDTH_OF_A_FILE = 160  # columns; a pipe or file has no width of its own


def open_console(quiet: bool = False) -> Console:
    """A console as wide as the terminal; in a pipe or file, wide enough for the tables."""
    made = Console(quiet=quiet)
    return made if made.is_terminal else Console(quiet=quiet, width=WIDTH_OF_A_FILE)
