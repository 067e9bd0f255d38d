"""ncap report."""

from pathlib import Path

import click

from ncap.cli import options
from ncap.cli.printer import format_option, print_table


@click.command()
@options.store("SQLite file that `ncap rank` has filled.", of_job=True)
@options.out
@click.option("--epochs", type=click.IntRange(1), default=None, help="Predict from this many epochs; all by default.")
@options.rule
@click.option("--reading", default=None, help="Reading of beta_eff; the job's first by default.")
@options.horizon
@format_option
def report(
    store: Path,
    out: Path,
    settings: str | None,
    target: str | None,
    epochs: int | None,
    rule: str,
    reading: str | None,
    horizon: float,
    format: str,
) -> None:
    """Rank and report again from a store, by any rule and reading, without training."""
    from ncap.ranking.order import rank_records
    from ncap.records.loading import load
    from ncap.report import write_report
    from ncap.report.terminal import ranking_table
    from ncap.rules import resolve

    chosen = resolve(rule)
    ranking = rank_records(load(store, settings, target).of(epochs=epochs), chosen, reading, horizon)
    page = write_report(ranking, out)
    print_table(ranking.table, format, ranking_table)
    if format == "table":
        click.echo(str(page))
