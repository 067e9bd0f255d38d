"""ncap import."""

from pathlib import Path

import click

from ncap.cli import options


@click.command("import")
@click.option("--folder", type=options.PATH, default=Path("records"), help="Folder that `ncap export` has written.")
@options.store("SQLite file that takes the rows, made where it is missing.")
def import_(folder: Path, store: Path) -> None:
    """Read exported tables into a store; rows that it has already stay."""
    from ncap.records.export import import_records

    for table, count in import_records(folder, store).items():
        click.echo(f"{table}: {count} new")
