"""The commands. Each calls one public function; what is heavy is imported inside, so that --help is quick.

Exit codes: 0 done (failed candidates included), 1 a check failed, 2 bad input or unusable store, 3 could not finish, 130 interrupted.
"""

import logging
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from ncap.interrupt import exit_on_interrupt


class FailedCheckError(click.ClickException):
    """A check failed."""

    exit_code = 1


class BadInputError(click.ClickException):
    """An argument that cannot be used, or a store that is none."""

    exit_code = 2


class UnfinishedError(click.ClickException):
    """The work could not be done: disk full, every candidate failed."""

    exit_code = 3


class Commands(click.Group):
    """The group that turns exceptions into messages and exit codes; NCAP_DEBUG=1 shows the traceback instead."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            with exit_on_interrupt():
                return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except Exception as error:
            if os.environ.get("NCAP_DEBUG") == "1":
                raise
            raise _command_error(error) from error


def _command_error(error: Exception) -> click.ClickException:
    from ncap.select import NothingRankedError

    if isinstance(error, ValueError | TypeError):
        return BadInputError(str(error))
    if isinstance(error, OSError | NothingRankedError):
        return UnfinishedError(str(error))
    return UnfinishedError(f"{type(error).__name__}: {error} (NCAP_DEBUG=1 shows where)")


class PathOption(click.Path):
    """A path that is not empty: an unset variable of the shell would mean the folder that one stands in."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path as a pathlib.Path."""
        if not value:
            self.fail(f"{value!r} is no path.", param, ctx)
        return super().convert(value, param, ctx)


PATH = PathOption(path_type=Path)

CANDIDATES = click.option(
    "--candidates", default="mini", help="Names of candidates or collections, separated by commas."
)
TARGET = click.option("--target", default="digits", help="A name, or the path of a .npz file.")
OUT = click.option("--out", type=PATH, default=Path("out"), help="Folder for ranking.csv, report.html and figures.")


def seed_option(of: str) -> Any:
    """The option --seed."""
    return click.option("--seed", type=click.IntRange(0), default=0, help=f"Of {of}.")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="ncap")
def main() -> None:
    """Predict which pre-trained network will end best, from a few epochs, by neural capacitance."""


@main.command("demo")
@click.option("--out", type=PATH, default=Path("demo"), help="Folder for store, report and figures.")
@seed_option("everything random")
def demo_command(out: Path, seed: int) -> None:
    """Rank the embedded candidates on digits after 5 epochs, train on to 30, compare. Offline, a minute and a half."""
    from ncap.demo import run_demo

    _load_framework()
    run_demo(out, seed)


@main.command("rank")
@CANDIDATES
@TARGET
@click.option("--epochs", type=click.IntRange(1), default=5, help="Epochs to observe; a prediction needs 4.")
@click.option("--runs", type=click.IntRange(1), default=1, help="Trainings per candidate.")
@seed_option("splits, probes, sample order and dropout")
@click.option("--optimizer", default="adam", help="Name of a Keras optimizer.")
@click.option("--learning-rate", type=float, default=1e-3, help="Of that optimizer.")
@click.option("--batch-size", type=click.IntRange(1), default=64, help="Training samples a step.")
@click.option("--frozen/--trained", default=True, help="Keep the probe at its seeded start, or train it with the body.")
@click.option("--store", type=PATH, default=Path("runs.db"), help="SQLite file of the observations.")
@OUT
@click.option("--engine", default="local", help="Where to train.")
@click.option("--interaction", default="explicit", help="explicit or hessian.")
@click.option("--strength", default="magnitude", help="magnitude or signed.")
@click.option("--weighting", default="unit", help="unit or relative.")
@click.option("--hidden", default="256,128", help="Widths of the probe's hidden layers.")
@click.option("--dropout", type=float, default=0.4, help="Of the probe.")
@click.option("--batch-norm/--no-batch-norm", default=True, help="Whether the probe's hidden layers are normalised.")
@click.option("--norm-momentum", type=float, default=0.9, help="Of the probe's batch norm.")
@click.option("--progress/--quiet", default=True, help="Show bars and a line per finished candidate.")
def rank_command(hidden: str, **options: Any) -> None:
    """Train candidates a few epochs and rank them. The same command resumes; more epochs or runs train on."""
    from ncap import data, models
    from ncap.engines.job import Job

    # What is mistyped need not wait for the framework.
    options["hidden"] = _widths(hidden)
    Job(**{field.name: options[field.name] for field in fields(Job) if field.name in options})
    models.resolve(options["candidates"])
    data.resolve(options["target"])
    _load_framework()
    from ncap.report.page import caution
    from ncap.select import rank

    ranking = rank(**options)
    if options["progress"]:
        click.echo(
            f"{options['out'] / 'report.html'}: {ranking.candidates[0]} is ranked first. {caution(ranking.table)}".rstrip()
        )


@main.command("report")
@click.option("--store", type=PATH, default=Path("runs.db"), help="SQLite file that `ncap rank` has filled.")
@OUT
@click.option("--settings", default=None, help="Hash of the job, where the store holds several; the newest by default.")
@click.option("--target", default=None, help="Target of the job, where the store holds several; the newest by default.")
@click.option(
    "--epochs", type=click.IntRange(1), default=None, help="Predict from the first epochs only; all by default."
)
def report_command(store: Path, out: Path, settings: str | None, target: str | None, epochs: int | None) -> None:
    """Rebuild ranking and report from a store, without training."""
    from ncap.leaderboard import from_store
    from ncap.report import write_report
    from ncap.report.terminal import ranking_table
    from ncap.store import Store
    from ncap.terminal import open_console

    with Store(store, create=False) as opened:
        job = opened.job(settings, target)
        ranking = from_store(opened, job["settings"], job["target"], epochs=epochs)
    page = write_report(ranking, out)
    open_console().print(ranking_table(ranking.table))
    click.echo(str(page))


@main.command("bench")
@CANDIDATES
@TARGET
@click.option("--train", "n_train", type=click.IntRange(1), default=400, help="Training images.")
@click.option("--repeats", type=click.IntRange(1), default=5, help="Measurements after the warm-up; the median counts.")
@seed_option("splits, probes and sample order")
def bench_command(candidates: str, target: str, n_train: int, repeats: int, seed: int) -> None:
    """Time a reading of beta_eff against an epoch of training, per candidate."""
    from ncap import data, models
    from ncap.cost import cost_table, measure_costs
    from ncap.terminal import open_console

    models.resolve(candidates)
    data.resolve(target)
    _load_framework()
    open_console().print(cost_table(measure_costs(candidates, target, n_train=n_train, repeats=repeats, seed=seed)))


@main.command("verify")
@seed_option("the drawn networks")
def verify_command(seed: int) -> None:
    """Hold the three implementations against each other on this machine and device; exit code 1 where they differ."""
    _load_framework()
    import keras

    from ncap.framework import devices
    from ncap.terminal import open_console
    from ncap.verification import check_table, run_checks

    checks = list(run_checks(seed))
    console = open_console()
    console.print(check_table(checks))
    console.print(f"Keras {keras.__version__} on {keras.backend.backend()}, {', '.join(devices())}")
    failed = [check for check in checks if not check.passed]
    if failed:
        raise FailedCheckError(f"{len(failed)} of {len(checks)} checks failed: {failed[0].what}, {failed[0].dtype}")


@main.command("models")
def models_command() -> None:
    """List the candidates that can be named."""
    from ncap.models import describe

    _print_table(
        ["name", "family", "parameters", "input"],
        [(name, family, f"{parameters:,}", _shape(shape)) for name, family, parameters, shape in describe()],
    )


@main.command("datasets")
def datasets_command() -> None:
    """List the targets that can be named."""
    from ncap.data import describe

    _print_table(
        ["name", "images", "classes", "source"],
        [(name, _shape(shape), str(n), of) for name, shape, n, of in describe()],
    )


def _print_table(headings: list[str], rows: list[tuple[str, ...]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from ncap.terminal import open_console

    table = Table(*headings, box=SIMPLE_HEAD, header_style="bold")
    for row in rows:
        table.add_row(*map(Text, row))
    open_console().print(table)


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(width) for width in text.split(","))
    except ValueError:
        raise ValueError(f"--hidden takes whole numbers separated by commas, such as 256,128, got {text!r}") from None


def _load_framework() -> None:
    """Import Keras with its backend, quietly for the whole process, which is the command's own."""
    from ncap import framework

    framework.load()
    # Many networks in one process trace many functions: expected here, and not worth a warning.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
