"""ncap jobs."""

from pathlib import Path

import click

from ncap.cli import options
from ncap.cli.printer import format_option, print_table


@click.command()
@options.store("SQLite file that `ncap rank` has filled.")
@format_option
def jobs(store: Path, format: str) -> None:
    """List the jobs in a store, the newest last."""
    from ncap.records.store import Store

    with Store(store, create=False) as opened:
        print_table(opened.summary(), format)
