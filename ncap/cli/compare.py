"""ncap compare."""

from pathlib import Path

import click

from ncap.cli import options
from ncap.cli.printer import format_option, print_table


@click.command()
@options.store("SQLite file that `ncap rank` has filled.", of_job=True)
@click.option(
    "--truth",
    type=options.PATH,
    default=None,
    help="CSV file: target, candidate, accuracy; by default the last test accuracies.",
)
@click.option("--rules", default=None, help="Names of rules, separated by commas; all by default.")
@click.option("--ticks", default=None, help="Numbers of ticks to read, separated by commas; all by default.")
@format_option
def compare(
    store: Path,
    truth: Path | None,
    settings: str | None,
    target: str | None,
    rules: str | None,
    ticks: str | None,
    format: str,
) -> None:
    """Hold the orders that rules predict from the first ticks against what the candidates ended with."""
    import pandas as pd

    from ncap.ranking.comparison import compare as compare_rules
    from ncap.ranking.comparison import truth_of
    from ncap.records.tables import load
    from ncap.rules import RULES

    names = RULES.names() if rules is None else [RULES.check(name.strip()) for name in rules.split(",")]
    records = load(store, settings, target)
    accuracies = truth_of(records) if truth is None else pd.read_csv(truth, dtype={"target": str, "candidate": str})
    print_table(compare_rules(records, accuracies, names, _whole(ticks)), format)


def _whole(text: str | None) -> list[int] | None:
    try:
        return None if text is None else [int(number) for number in text.split(",")]
    except ValueError:
        raise ValueError(f"--ticks takes whole numbers separated by commas, such as 3,5, got {text!r}") from None
