"""Bad input as tables: a callable, arguments that it takes, and rows of one wrong value each with what its refusal must say."""

import inspect
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

LONGEST = 400  # characters of a message that a person reads to its end


class Made(NamedTuple):
    """A value that is made when its row runs, in an empty folder."""

    make: Callable[[Path], Any]


class Table(NamedTuple):
    """The callable, the arguments that it takes, and rows (argument, wrong value, error, fragments of the message...).

    scikit-learn's own words need not name the argument: `own_words` is False for them.
    """

    function: Callable[..., Any]
    good: dict[str, Any]
    rows: list[tuple[Any, ...]]
    own_words: bool = True


def cases(tables: dict[str, Table]) -> list[Any]:
    """Every row of every table as a parameter of a test, (table, row)."""
    return [
        pytest.param(table, row, id=f"{name}-{row[0]}-{number}")
        for name, table in tables.items()
        for number, row in enumerate(table.rows)
    ]


def assert_refused(table: Table, row: tuple[Any, ...], folder: Path) -> None:
    """The wrong value is refused by the error of its row, in a short message that names the argument and holds the fragments."""
    argument, value, error, *fragments = row
    arguments = {name: made(given, folder) for name, given in (table.good | {argument: value}).items()}
    with pytest.raises(error) as caught:
        table.function(**arguments)
    message = str(caught.value)
    assert len(message) < LONGEST
    assert message.count("\n") <= 2
    if table.own_words:
        named = rf"(?<![A-Za-z]){argument}(?![A-Za-z])"  # z_1 is an entry of z
        assert re.search(named, message), f"{argument} is not named in: {message}"
    assert fragments
    for fragment in fragments:
        assert fragment in message


def made(value: Any, folder: Path) -> Any:
    return value.make(folder) if isinstance(value, Made) else value


def untabled(function: Callable[..., Any], tables: Iterable[Table]) -> set[str]:
    """The parameters of a callable that no row of its tables is about."""
    tabled = {row[0] for table in tables if table.function == function for row in table.rows}
    return set(inspect.signature(function).parameters) - {"self"} - tabled
