"""ncap rank."""

from pathlib import Path
from typing import Any

import click

from ncap.cli import options
from ncap.cli.printer import format_option, print_table, say


@click.command()
@options.preset
@options.candidates
@options.limits()
@options.target
@options.settings()
@options.rule
@options.horizon
@options.store("SQLite file of the records.")
@options.out
@options.engines()
@click.option(
    "--dry-run",
    is_flag=True,
    help="Time two batches of every candidate, print what the job will take, and train nothing.",
)
@click.option("--scores", default=None, help="Scores to show beside the predictions; `ncap scores` lists them.")
@click.option(
    "--progress/--quiet", default=True, help="Show progress bars, a line per finished candidate, and the ranking."
)
@format_option
def rank(out: Path, progress: bool, format: str, dry_run: bool, **settings: Any) -> None:
    """Train candidates for a few epochs and rank them. Repeat the command to resume; ask for more epochs or runs to continue."""
    given = {name: value for name, value in settings.items() if value not in (None, ())}
    if dry_run:
        _print_plan(given, format)
        return
    from ncap.pipeline import rank as rank_candidates

    ranking = rank_candidates(out=out, progress=progress and format == "table", **given)
    if format != "table":
        print_table(ranking.table, format)
    elif progress:
        from ncap.report.page import caution

        say(f"{out / 'report.html'}: {ranking.candidates[0]} is ranked first. {caution(ranking.table)}".rstrip())


def _print_plan(given: dict[str, Any], format: str) -> None:
    from ncap.dry_run import plan

    others = ("rule", "horizon", "engine", "address", "scores")
    planned = plan(**{name: value for name, value in given.items() if name not in others})
    print_table(planned.table, format)
    if format == "table":
        say(planned.summary())
