"""ncap study."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ncap.cli import options
from ncap.cli.printer import format_option, print_table, say

if TYPE_CHECKING:
    import pandas as pd

    from ncap.records.benchmark import Benchmark

_HIDDEN = ["rho_low", "rho_high", "tau", "weighted_tau", "regret_3", "rho_own"]  # of the table that a person reads


@click.command()
@click.argument("name", required=False)
@options.preset
@click.option(
    "--candidates", default=None, help="Candidates to train, where the store lacks them; without, it is read."
)
@click.option("--target", default=None, help="What to train on; of records that are read, the target to read.")
@click.option(
    "--benchmark", is_flag=True, help="Read the tabular benchmark, every development target of one tier and probe."
)
@click.option(
    "--table", type=options.PATH, default=None, help="Folder of the benchmark's table.  [default: in ncap's repository]"
)
@click.option("--tier", default=None, help="Tier of the benchmark: small, real or subtargets.  [default: small]")
@click.option("--probe", default=None, help="Probe of the benchmark's trainings: frozen or trained.  [default: frozen]")
@click.option(
    "--settings", default=None, help="Hash of the job to read, if the store holds several; the newest by default."
)
@click.option("--rules", default=None, help="Rules to judge, separated by commas; `ncap rules` lists them.")
@click.option("--ticks", default=None, help="How many ticks to read: one or more numbers, separated by commas.")
@click.option(
    "--images", default=None, help="Of size: numbers of training images, such as 10000,15000, or shares: 0.3,0.6."
)
@click.option(
    "--draw", default=None, help="Of size: the first training images, or a stratified sample.  [default: first]"
)
@click.option("--reading", default=None, help="Reading of beta_eff; the job's first by default.")
@click.option(
    "--horizon",
    type=click.FloatRange(0, min_open=True),
    default=None,
    help="Epoch to predict; the last one by default.",
)
@click.option("--truth", default="test", help="Judge by the test or the validation accuracy of the last three epochs.")
@options.settings()
@options.store("SQLite file of the records.")
@click.option("--out", type=options.PATH, default=Path("out"), help="Folder for study-NAME.csv and study-NAME.png.")
@options.engines()
@click.option("--progress/--quiet", default=True, help="Show progress bars, and a line per finished candidate.")
@format_option
@click.pass_context
def study(ctx: click.Context, name: str | None, format: str, **given: Any) -> None:
    """Make one of the paper's studies again: size, t0, observations, runs, cost. Without a name, list them.

    A study reads a store (--store), the benchmark (--benchmark), or trains what the store lacks of a job (--candidates, --preset).
    Repeat the command to go on after an interruption.
    """
    from ncap.studies import STUDIES, list_studies

    if name is None:
        print_table(list_studies(), format)
        return
    STUDIES.check(name)
    from ncap.studies.findings import study as make

    records, chosen = _source(ctx, given)
    made = make(
        name,
        records,
        out=given["out"],
        progress=given["progress"] and format == "table",
        target=given["target"],
        settings=given["settings"],
        rules=given["rules"],
        ticks=_numbers("--ticks", given["ticks"], int, "5,10"),
        images=_numbers("--images", given["images"], _size, "10000,15000 or 0.3,0.6"),
        **{option: given[option] for option in ("draw", "reading", "horizon", "truth")},
        **chosen,
    )
    print_table(made.table, format, None if format != "table" else _shown)
    if format == "table":
        say(f"{made.caption}\n{given['out'] / f'study-{name}.csv'}, {given['out'] / f'study-{name}.png'}")


def _source(ctx: click.Context, given: dict[str, Any]) -> "tuple[Path | Benchmark | None, dict[str, Any]]":
    """What is read, None where it is trained; and what is said of the training. ValueError for settings of what is not trained."""
    from ncap.job import settings as all_settings

    on_training = (*all_settings(), "engine", "jobs", "memory", "address")
    of_benchmark = given["benchmark"] or given["table"] is not None
    for one in ("tier", "probe"):
        if given[one] is not None and not of_benchmark:
            raise ValueError(f"--{one} says which trainings of the benchmark are meant; pass --benchmark as well")
    if given["candidates"] is not None:
        if of_benchmark:
            raise ValueError("--benchmark and --candidates: the one is read, the others are trained; pass one of them")
        chosen = {one: given[one] for one in on_training if given.get(one) is not None}
        return None, chosen | {"candidates": given["candidates"], "store": given["store"]}
    for one in on_training:
        if ctx.get_parameter_source(one) is click.core.ParameterSource.COMMANDLINE:
            raise ValueError(
                f"--{one.replace('_', '-')}: nothing is trained without --candidates; pass them, or leave it out"
            )
    if not of_benchmark:
        return given["store"], {}
    from ncap.records.benchmark import load_benchmark

    tier, probe = given["tier"] or "small", given["probe"] or "frozen"
    return load_benchmark(given["table"], tier=tier, probe=probe, role="development"), {}


def _size(text: str) -> float | int:
    return float(text) if "." in text else int(text)


def _numbers(option: str, text: str | None, kind: Callable[[str], Any], example: str) -> list[Any] | None:
    try:
        return None if text is None else [kind(number) for number in text.split(",")]
    except ValueError:
        raise ValueError(f"{option} takes numbers separated by commas, such as {example}, got {text!r}") from None


def _shown(rows: "pd.DataFrame") -> Any:
    """The columns that a person compares; the CSV file has all of them."""
    from ncap.cli.printer import plain

    kept = rows.drop(columns=[name for name in _HIDDEN if name in rows])
    return plain(kept.drop(columns="fallbacks") if "fallbacks" in kept and not kept["fallbacks"].any() else kept)
