"""ncap report."""

import shlex
from pathlib import Path

import click

from ncap.cli import options
from ncap.cli.printer import format_option, print_table, say


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
    from ncap.metrics import of_facts
    from ncap.ranking.order import rank_records
    from ncap.records.store import Store
    from ncap.report import write_report
    from ncap.report.terminal import ranking_table, scores_table
    from ncap.rules import resolve
    from ncap.terminal import open_console

    chosen = resolve(rule)
    with Store(store, create=False) as opened:
        records, jobs = opened.records(settings, target), opened.jobs()
    ranking = rank_records(records.of(epochs=epochs), chosen, reading, horizon)
    page = write_report(ranking, out)
    metric = of_facts(ranking.facts)
    print_table(ranking.table, format, lambda table: ranking_table(table, metric))
    if format == "table":
        if (beside := scores_table(ranking.table)) is not None:
            open_console().print(beside)
        say(page)
    others = [job for job in jobs if (job["settings"], job["target"]) != (records.settings, records.target)]
    if others and settings is None:
        named = "; ".join(f"--settings {job['settings']} --target {shlex.quote(job['target'])}" for job in others)
        say(f"{store} also holds {len(others)} other job{'s' * (len(others) > 1)}: {named}", err=True)
