"""ncap report."""

import shlex
from pathlib import Path

import click

from ncap.cli import options
from ncap.cli.printer import format_option, print_table, say


@click.command()
@options.store("SQLite file that `ncap rank` has filled.", of_job=True)
@options.out
@click.option(
    "--epochs", type=click.IntRange(1), default=None, help="Predict from the first epochs only; all by default."
)
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
    """Rebuild ranking and report from a store, by any rule and reading, without training."""
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
        say(page)
    if settings is None:
        _name_others(store, ranking.facts["settings"], ranking.target)


def _name_others(store: Path, settings: str, target: str) -> None:
    """The jobs of the store that are not the one reported, on stderr."""
    from ncap.records.store import Store

    with Store(store, create=False) as opened:
        jobs = [(job["settings"], job["target"]) for job in opened.jobs()]
    others = [f"--settings {name} --target {shlex.quote(of)}" for name, of in jobs if (name, of) != (settings, target)]
    if others:
        say(f"{store} also holds {len(others)} other job{'s' * (len(others) > 1)}: {'; '.join(others)}", err=True)
