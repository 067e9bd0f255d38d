"""ncap rank."""

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
@options.rule
@options.horizon
@options.store("SQLite file of the records.")
@options.out
@click.option("--engine", default="local", help="What distributes the runs; local trains in this process.")
@click.option("--scores", default=None, help="Scores to show beside the predictions; `ncap scores` lists them.")
@click.option(
    "--progress/--quiet", default=True, help="Show progress bars, a line per finished candidate, and the ranking."
)
@format_option
def rank(out: Path, progress: bool, format: str, **settings: Any) -> None:
    """Train candidates for a few epochs and rank them. Repeat the command to resume; ask for more epochs or runs to continue."""
    from ncap.pipeline import rank as rank_candidates

    given = {name: value for name, value in settings.items() if value not in (None, ())}
    ranking = rank_candidates(out=out, progress=progress and format == "table", **given)
    if format != "table":
        print_table(ranking.table, format)
    elif progress:
        from ncap.report.page import caution

        say(f"{out / 'report.html'}: {ranking.candidates[0]} is ranked first. {caution(ranking.table)}".rstrip())
