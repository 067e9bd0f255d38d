"""ncap import."""

from pathlib import Path

import click

from ncap.cli import options


@click.command("import")
@click.option("--folder", type=options.PATH, default=Path("records"), help="Folder that `ncap export` has written.")
@click.option(
    "--curves",
    type=options.PATH,
    default=None,
    help="CSV file of learning curves that others have published, in place of a folder.",
)
@options.store("SQLite file to import into, created if it is missing.")
def import_(folder: Path, curves: Path | None, store: Path) -> None:
    """Import exported tables, or published learning curves, into a store; rows that are already there stay."""
    from ncap.records.curves import import_curves
    from ncap.records.export import import_records

    added = import_records(folder, store) if curves is None else import_curves(curves, store)
    for table, count in added.items():
        click.echo(f"{table}: {count} new")
