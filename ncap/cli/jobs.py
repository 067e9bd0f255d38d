"""ncap jobs."""

from pathlib import Path

import click

from ncap.cli import options
from ncap.cli.printer import format_option, print_table, say


@click.command()
@options.store("SQLite file that `ncap rank` has filled.")
@click.option(
    "--prune",
    is_flag=True,
    help="First remove the checkpoints of runs that have come as far as any run of their job, and have not failed. No number is lost: to "
    "train such a run on, ncap trains it again from its first epoch.",
)
@format_option
def jobs(store: Path, prune: bool, format: str) -> None:
    """List the jobs in a store, the newest last, with the size of their checkpoints."""
    from ncap.records.store import Store

    with Store(store, create=False) as opened:
        if prune:
            from ncap.engines.pruning import prune as prune_checkpoints

            count, size = prune_checkpoints(opened)
            say(f"{count} checkpoint{'s' * (count != 1)} removed, {size / 1e6:,.1f} MB", err=True)
        print_table(opened.summary(), format)
