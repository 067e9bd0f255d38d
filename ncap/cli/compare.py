"""ncap compare."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ncap.cli import options
from ncap.cli.printer import format_option, print_table

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


@click.command()
@options.store("SQLite file that `ncap rank` has filled.", of_job=True)
@click.option(
    "--truth",
    type=options.PATH,
    default=None,
    help="CSV file with target, candidate, accuracy; by default the last test accuracies in the store.",
)
@click.option("--rules", default=None, help="Rules, separated by commas; all by default.")
@click.option(
    "--ticks", default=None, help="How many ticks to read: one or more numbers, separated by commas; all by default."
)
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
    """Compare the orders that rules predict from the first ticks with how the candidates ended."""
    from ncap.ranking.comparison import compare as compare_rules
    from ncap.records.loading import load
    from ncap.rules import RULES

    names = RULES.names() if rules is None else [RULES.check(name.strip()) for name in rules.split(",")]
    read = _whole(ticks)
    accuracies = None if truth is None else read_truth(truth)
    records = load(store, settings, target)
    print_table(
        compare_rules(records, records.truth() if accuracies is None else accuracies, names, read), format, _shown
    )


def read_truth(path: Path) -> "pd.DataFrame":
    """A CSV file of accuracies; ValueError, which names it, where it has other columns or cannot be read."""
    import pandas as pd

    from ncap.records.schema import TRUTH
    from ncap.records.tables import checked_table

    try:
        return checked_table(TRUTH, pd.read_csv(path, dtype={"target": str, "candidate": str}, keep_default_na=False))
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be read ({error.strerror}); pass a CSV file with the columns {', '.join(TRUTH.names)}"
        ) from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _shown(rows: "pd.DataFrame") -> "Table":
    """Each measure with its interval in one cell."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from ncap.terminal import name_cell

    measures = [name.removesuffix("_low") for name in rows.columns if name.endswith("_low")]
    table = Table(
        box=SIMPLE_HEAD, header_style="bold", caption=Text("[low, high]: 95 % bootstrap interval over candidates")
    )
    for name in ("target", "rule", "ticks", "seconds", *measures):
        table.add_column(name.replace("_", " "), justify="left" if name in ("target", "rule") else "right")
    for row in rows.to_dict("records"):
        cells = [f"{row[name]:.2f} [{row[f'{name}_low']:.2f}, {row[f'{name}_high']:.2f}]" for name in measures]
        table.add_row(
            name_cell(row["target"]),
            name_cell(row["rule"]),
            str(row["ticks"]),
            f"{row['seconds']:.1f}",
            *map(Text, cells),
        )
    return table


def _whole(text: str | None) -> list[int] | None:
    try:
        return None if text is None else [int(number) for number in text.split(",")]
    except ValueError:
        raise ValueError(f"--ticks takes whole numbers separated by commas, such as 3,5, got {text!r}") from None
