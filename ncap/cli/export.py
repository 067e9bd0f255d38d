"""ncap export."""

from pathlib import Path

import click

from ncap.cli import options
from ncap.cli.printer import say


@click.command()
@options.store("SQLite file that `ncap rank` has filled.")
@click.option(
    "--out", type=options.PATH, default=Path("records"), help="Folder for one file per table, and columns.csv."
)
@click.option(
    "--format", type=click.Choice(["parquet", "csv"]), default="csv", help="Format of the files; Parquet needs pyarrow."
)
def export(store: Path, out: Path, format: str) -> None:
    """Export all tables of a store, exact to the last digit, with a description of every column."""
    from ncap.records.export import export_records

    for file in export_records(store, out, format):
        say(file)
