"""ncap export."""

from pathlib import Path
from typing import Any

import click

from ncap.cli import options
from ncap.cli.printer import say

_OF_MODEL = ("start", "head", "fine_tune", "named", "data", "rule", "horizon", "validation", "test", "on_bad")


@click.command()
@options.store("SQLite file that `ncap rank` has filled.", of_job=True)
@click.option(
    "--out", type=options.PATH, default=Path("records"), help="Folder for one file per table, and columns.csv."
)
@click.option(
    "--format", type=click.Choice(["parquet", "csv"]), default="csv", help="Format of the files; Parquet needs pyarrow."
)
@click.option(
    "--best",
    type=options.PATH,
    default=None,
    metavar="NAME.keras",
    help="In place of tables, save the best candidate as a Keras model, and its card as NAME.json.",
)
@click.option("--candidate", default=None, help="Save this candidate, not the best by the rule.")
@click.option(
    "--start", type=click.Choice(["observed", "pretrained"]), default="observed", help="Its state after the last tick, or before training."
)  # fmt: skip
@click.option(
    "--head", type=click.Choice(["probe", "linear"]), default=None,
    help="Keep the probe, or fit a linear head.  [default: probe; linear with --start pretrained]",
)  # fmt: skip
@click.option("--fine-tune", type=click.IntRange(0), default=0, help="Epochs to train all of its weights on for.")
@click.option("--named", default=None, help="The candidate as `ncap rank` was given it, such as mine.keras for mine.")
@click.option("--data", default=None, help="The target as `ncap rank` was given it, such as photos/ for photos.")
@options.splits
@options.rule
@options.horizon
def export(
    store: Path, out: Path, format: str, best: Path | None, candidate: str | None, settings: str | None, target: str | None, **of_model: Any
) -> None:  # fmt: skip
    """Export all tables of a store, exact to the last digit, with a description of every column; or, with --best, a model."""
    if best is not None:
        from ncap.handover.export import export_model

        say(export_model(store, best, candidate, settings=settings, target=target, **of_model))
        return
    _refuse_of_model(click.get_current_context())
    from ncap.records.export import export_records

    for file in export_records(store, out, format):
        say(file)


def _refuse_of_model(context: click.Context) -> None:
    """Raise ValueError for an option that says what model to save where none is asked for: tables are of the whole store."""
    for name in ("candidate", "settings", "target", *_OF_MODEL):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise ValueError(
                f"--{name.replace('_', '-')} says which model to save; pass --best NAME.keras too, or leave it out"
            )
