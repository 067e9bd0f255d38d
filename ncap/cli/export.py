"""ncap export."""

from pathlib import Path

import click

from ncap.cli import options
from ncap.cli.printer import say


@click.command()
@options.store("SQLite file that `ncap rank` has filled.")
@click.option("--out", type=options.PATH, default=Path("records"), help="Folder for one file a table, and columns.csv.")
@click.option(
    "--format", type=click.Choice(["parquet", "csv"]), default="csv", help="Of the files; Parquet needs pyarrow."
)
def export(store: Path, out: Path, format: str) -> None:
    """Write all tables of a store as files, to the last digit, with what every column means."""
    from ncap.records.export import export_records

    for file in export_records(store, out, format):
        say(file)
