"""ncap compare."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from ncap.cli import options
from ncap.cli.printer import format_option, print_table, say

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from ncap.records.benchmark import Benchmark

REPOSITORY = "auto"  # in place of the benchmark's folder
LAST_SEEN = "last_seen"  # the rule to beat, which stands beside those asked for
OBSERVED = (1, 2, 3, 5, 10)  # epochs, where the benchmark's rules are compared unless ticks or seconds are given
Number = TypeVar("Number", int, float)


@click.command()
@options.store("SQLite file that `ncap rank` or `ncap import` has filled.", of_job=True)
@click.option(
    "--truth",
    type=options.PATH,
    default=None,
    help="CSV file with target, candidate, accuracy; by default the last test accuracies in the store.",
)
@click.option(
    "--validation-truth",
    is_flag=True,
    help="Judge by validation accuracy, the mean of the last three epochs: for curves that hold nothing back.",
)
@click.option(
    "--rules", default=None, help="Rules, separated by commas; by default all that do not take seconds a candidate."
)
@click.option(
    "--ticks", default=None, help="How many ticks to read: one or more numbers, separated by commas; all by default."
)
@click.option(
    "--seconds", default=None, help="Seconds that each rule may spend on all candidates: one or more numbers."
)
@click.option(
    "--horizon",
    type=click.FloatRange(0, min_open=True),
    default=None,
    help="Epoch to predict, for rules that extrapolate to one; by default the last one in the store.",
)
@click.option(
    "--learn-from",
    type=click.Choice(["targets", "candidates"]),
    default=None,
    help="What rules that learn are fitted to: other targets in the store, by default where there are any, or other candidates.",
)
@click.option(
    "--benchmark",
    metavar="[FOLDER]",
    is_flag=False,
    flag_value=REPOSITORY,
    type=options.PATH,
    default=None,
    help="Judge on the tabular benchmark, in ncap's repository or in this folder, in place of a store; by default after 1 to 10 epochs.",
)
@click.option("--tier", default=None, help="Of the benchmark: small, real or subtargets.  [default: small]")
@click.option("--probe", default=None, help="Of the benchmark: trained or frozen.  [default: trained]")
@click.option(
    "--held-out",
    is_flag=True,
    help="Judge on the benchmark's held-out targets: once, when every choice has been made on the development targets.",
)
@format_option
def compare(
    store: Path,
    truth: Path | None,
    validation_truth: bool,
    settings: str | None,
    target: str | None,
    rules: str | None,
    ticks: str | None,
    seconds: str | None,
    horizon: float | None,
    learn_from: str | None,
    benchmark: Path | None,
    tier: str | None,
    probe: str | None,
    held_out: bool,
    format: str,
) -> None:
    """Compare the orders that rules predict from the first ticks with how the candidates ended."""
    from ncap.ranking.comparison import compare as compare_rules
    from ncap.ranking.outcomes import validation_truth as ended
    from ncap.records.loading import load
    from ncap.rules import RULES

    if truth is not None and validation_truth:
        raise ValueError("--truth and --validation-truth both say how the candidates ended; pass one of them")
    names = (
        _names(rules) if rules is not None else [name for name, rule in RULES.members().items() if rule.cost == "low"]
    )
    read, budgets = _numbers("--ticks", ticks, int, "3,5"), _numbers("--seconds", seconds, float, "30,60")
    if benchmark is not None:
        if truth is not None or validation_truth or settings is not None:
            raise ValueError(
                "--benchmark has its own truth and jobs; leave --truth, --validation-truth and --settings out"
            )
        table = _benchmark(benchmark, tier or "small", probe or "trained", held_out, target)
        if rules is not None and LAST_SEEN not in names:
            names.append(LAST_SEEN)
        if read is None and budgets is None:
            read = table.ticks_after(OBSERVED)
        made = compare_rules(table.records, table.truth, names, read, budgets, horizon, learn_from)
        print_table(made, format, _shown)
        return
    for option, value in {"held-out": held_out or None, "tier": tier, "probe": probe}.items():
        if value is not None:
            raise ValueError(f"--{option} says which trainings of the benchmark are meant; pass --benchmark as well")
    accuracies = None if truth is None else read_truth(truth)
    job = load(store, settings, target)
    if accuracies is None:
        accuracies = ended(job) if validation_truth else job.truth()
    # By its path, the other targets of the store can be learned from; a job of given settings need not be the newest of its target.
    records = store if settings is None and job.target in set(accuracies["target"]) else job
    judged = accuracies[accuracies["target"] == job.target] if records is store else accuracies
    print_table(compare_rules(records, judged, names, read, budgets, horizon, learn_from), format, _shown)


def _benchmark(folder: Path, tier: str, probe: str, held_out: bool, target: str | None) -> "Benchmark":
    """The jobs that are judged; what they are is said, so that nobody scores a rule on the held-out targets unawares."""
    from ncap.records.benchmark import load_benchmark

    whole = load_benchmark(None if str(folder) == REPOSITORY else folder)
    table = whole.of(tier, probe, "held_out" if held_out else "development", target)
    counts = {"candidate": table.truth["candidate"], "target": table.truth["target"], "run": table.finals["run"]}
    sizes = {name: column.nunique() for name, column in counts.items()}
    cells = " x ".join(f"{size} {name}{'s'[: size != 1]}" for name, size in sizes.items())
    role = "HELD-OUT targets: choose nothing by what follows" if held_out else "development targets"
    say(f"Tabular benchmark, tier {tier}, probe {probe}, {role}: {cells}", err=True)
    return table


def _names(rules: str) -> list[str]:
    from ncap.rules import RULES

    return [RULES.check(name.strip()) for name in rules.split(",")]


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
    shown = {
        "budget": rows["budget"].notna(),
        "fallbacks": rows["fallbacks"] > 0,
        "learned_from": rows["learned_from"] != "",
    }
    extra = [name for name, told in shown.items() if told.any()]
    for name in ("target", "rule", "ticks", "seconds", *measures, *extra):
        text = name in ("target", "rule", "learned_from")
        table.add_column(name.replace("_", " "), justify="left" if text else "right")
    for row in rows.to_dict("records"):
        cells = [f"{row[name]:.2f} [{row[f'{name}_low']:.2f}, {row[f'{name}_high']:.2f}]" for name in measures]
        table.add_row(
            name_cell(row["target"]),
            name_cell(row["rule"]),
            str(row["ticks"]),
            f"{row['seconds']:.1f}",
            *map(Text, cells),
            *(f"{row[name]:g}" if name == "budget" else str(row[name]) for name in extra),
        )
    return table


def _numbers(option: str, text: str | None, kind: Callable[[str], Number], example: str) -> list[Number] | None:
    try:
        return None if text is None else [kind(number) for number in text.split(",")]
    except ValueError:
        words = "whole numbers" if kind is int else "numbers"
        raise ValueError(f"{option} takes {words} separated by commas, such as {example}, got {text!r}") from None
