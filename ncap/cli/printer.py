"""The one place that prints a command's table: for people, or as JSON or CSV for other programs."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("table", "json", "csv")

format_option = click.option("--format", type=click.Choice(FORMATS), default="table", help="How to print the table.")


def print_table(rows: "pd.DataFrame", format: str, show: Callable[["pd.DataFrame"], Any] | None = None) -> None:
    """Print a table; `show` turns it into what rich prints, by default a plain table. NaN is null in JSON and an empty field in CSV."""
    if format == "json":
        records = json.loads(rows.to_json(orient="records", force_ascii=False, double_precision=15))
        click.echo(json.dumps(records, indent=2, ensure_ascii=False))
    elif format == "csv":
        click.echo(rows.to_csv(index=False, lineterminator="\n"), nl=False)
    else:
        from ncap.terminal import open_console

        open_console().print((show or _plain)(rows))


def _plain(rows: "pd.DataFrame") -> Any:
    """Every cell as text without markup, numbers aligned to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, header_style="bold")
    for name in rows.columns:
        number = rows[name].dtype.kind in "if"
        table.add_column(str(name).replace("_", " "), justify="right" if number else "left", overflow="fold")
    for row in rows.itertuples(index=False):
        table.add_row(*(Text(_cell(value)) for value in row))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "-" if value != value else f"{value:.4g}"
    if isinstance(value, int) and abs(value) >= 10_000:
        return f"{value:,}"
    if isinstance(value, tuple | list):
        return "x".join(map(str, value)) if all(isinstance(part, int) for part in value) else ", ".join(map(str, value))
    return str(value)
