"""The one place that prints a command's table: for people, or as JSON or CSV for other programs."""

import json
import sys
from collections.abc import Callable
from numbers import Integral
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("table", "json", "csv")

format_option = click.option("--format", type=click.Choice(FORMATS), default="table", help="How to print the table.")


def print_table(rows: "pd.DataFrame", format: str, show: Callable[["pd.DataFrame"], Any] | None = None) -> None:
    """Print a table; `show` turns it into what rich prints, by default a plain table. NaN is null in JSON and an empty field in CSV.

    JSON is ASCII, which every stream can encode; CSV has the table's own text, except on a terminal.
    """
    if format == "json":
        records = json.loads(rows.to_json(orient="records", double_precision=15))
        click.echo(json.dumps(records, indent=2))
    elif format == "csv":
        text = rows.to_csv(index=False, lineterminator="\n")
        if sys.stdout.isatty():
            say(text, nl=False)
        else:
            click.echo(text, nl=False)
    else:
        from ncap.terminal import open_console

        open_console().print((show or plain)(rows))


def say(text: object, err: bool = False, nl: bool = True) -> None:
    """Print a line that has names in it: nothing in it is obeyed by a terminal."""
    from ncap.terminal import printable

    click.echo(printable(str(text)), err=err, nl=nl)


def plain(rows: "pd.DataFrame") -> Any:
    """Every cell as text without markup, numbers aligned to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from ncap.terminal import name_cell

    table = Table(box=SIMPLE_HEAD, header_style="bold")
    for name in rows.columns:
        number = rows[name].dtype.kind in "if"
        table.add_column(str(name).replace("_", " "), justify="right" if number else "left", overflow="fold")
    for row in rows.itertuples(index=False):
        table.add_row(*(name_cell(_cell(value)) for value in row))
    return table


def _cell(value: Any) -> str:
    if (
        type(value).__name__ == "NAType"
    ):  # a number that is missing in a column of whole numbers; pandas is not loaded for it
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "-" if value != value else f"{value:.4g}"
    if isinstance(value, Integral) and abs(int(value)) >= 10_000:
        return f"{int(value):,}"
    if isinstance(value, tuple | list):
        return "x".join(map(str, value)) if all(isinstance(part, int) for part in value) else ", ".join(map(str, value))
    return str(value)
