"""ncap import."""

from pathlib import Path

import click

from ncap.cli import options


@click.command("import")
@click.option("--folder", type=options.PATH, default=Path("records"), help="Folder that `ncap export` has written.")
@options.store("SQLite file to import into, created if it is missing.")
def import_(folder: Path, store: Path) -> None:
    """Import exported tables into a store; rows that are already there stay."""
    from ncap.records.export import import_records

    for table, count in import_records(folder, store).items():
        click.echo(f"{table}: {count} new")
