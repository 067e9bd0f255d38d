"""ncap select."""

from pathlib import Path
from typing import Any

import click

from ncap.cli import options
from ncap.cli.printer import format_option, print_table, say


@click.command()
@options.candidates
@options.limits()
@options.target
@options.settings()
@click.option(
    "--final-epochs", type=click.IntRange(1), default=30, help="Epochs that the winner is trained for in all."
)
@click.option(
    "--reduction",
    type=click.IntRange(2),
    default=2,
    help="One in so many candidates goes on from each round, to so many times the epochs.",
)
@options.rule
@click.option(
    "--risk",
    type=float,
    default=None,
    help="How likely the best network may be dropped; refused until there is a rule whose intervals have been checked.",
)
@click.option(
    "--horizon",
    type=click.FloatRange(0, min_open=True),
    default=None,
    help="Epoch to predict, for rules that extrapolate to one.  [default: --final-epochs]",
)
@options.store("SQLite file of the records.")
@options.out
@options.engines()
@click.option(
    "--progress/--quiet", default=True, help="Show progress bars, a line per candidate and round, and the ranking."
)
@format_option
def select(out: Path, progress: bool, format: str, **settings: Any) -> None:
    """Rank, drop the hopeless round by round, train the winner to the end, and write it to OUT/winner.keras.

    This is successive halving on what the rule predicts. Repeat the command to go on after an interruption.
    """
    from ncap.selection import select as select_candidate

    given = {name: value for name, value in settings.items() if value not in (None, ())}
    selection = select_candidate(out=out, progress=progress and format == "table", **given)
    if format != "table":
        print_table(selection.ranking.table, format)
    elif progress:
        say(f"{out / 'report.html'}: {selection.winner} is selected and kept as {selection.model}")
