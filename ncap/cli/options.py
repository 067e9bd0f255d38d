"""Options that several commands share, and those that follow from the list of settings."""

from collections.abc import Callable, Sequence
from dataclasses import Field
from pathlib import Path
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class PathOption(click.Path):
    """A non-empty path: an unset shell variable would otherwise mean the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path as a pathlib.Path."""
        if not value:
            self.fail(f"{value!r} is not a path.", param, ctx)
        return super().convert(value, param, ctx)


PATH = PathOption(path_type=Path)

candidates = click.option(
    "--candidates", default="mini", help="Candidates or collections, by name, separated by commas."
)
target = click.option(
    "--target", default="digits", help="Name of a data set, or path of a folder of class folders or of a .npz file."
)
out = click.option("--out", type=PATH, default=Path("out"), help="Folder for ranking.csv, report.html and the figures.")
rule = click.option("--rule", default="capacitance", help="Rule that predicts; `ncap rules` lists them.")
horizon = click.option(
    "--horizon", type=click.FloatRange(0, min_open=True), default=30.0, help="Epoch to predict, for rules that extrapolate to one."
)  # fmt: skip


def limits() -> Decorator:
    """The options that leave out candidates which need too much, or whose weights have another licence."""
    options: dict[str, dict[str, Any]] = {
        "--max-parameters": {"metavar": "NUMBER", "help": "Leave out candidates with more parameters, such as 5M or 300k."},
        "--max-multiply-adds": {"metavar": "NUMBER", "help": "Leave out those with more multiply-adds an image, such as 1G."},
        "--max-milliseconds": {"type": float, "help": "Leave out those that take longer for an image, as measured before training."},
        "--licence": {"multiple": True, "help": "Leave out those whose weights have none of these licences: MIT,Apache-2.0."},
    }  # fmt: skip
    names = {"--licence": ("licences",)}
    return _all([click.option(option, *names.get(option, ()), **given) for option, given in options.items()])


def engines() -> Decorator:
    """The options that say where runs are trained, and how many at a time."""
    options: dict[str, dict[str, Any]] = {
        "--engine": {"default": "local", "help": "What distributes the runs; local trains on this machine, ray on a cluster."},
        "--jobs": {
            "type": click.IntRange(1),
            "help": "Runs trained at a time; above 1, each in a process of its own.  [default: 1; with ray, all that there is room for]",
        },
        "--memory": {"metavar": "SIZE", "help": "What the process of a run may have in memory, such as 4GB; then it has its own."},
        "--address": {
            "metavar": "auto|HOST:PORT",
            "help": "Where engine ray finds its cluster; auto is the one of this machine.  [default: Ray starts on this machine]",
        },
    }  # fmt: skip
    return _all([click.option(option, **given) for option, given in options.items()])


def preset(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option --preset, whose settings take the place of the defaults of the options beside it."""
    from ncap.presets import PRESETS

    return click.option(
        "--preset",
        type=click.Choice(list(PRESETS)),
        is_eager=True,  # before the options whose defaults it changes
        expose_value=False,
        callback=_set_defaults,
        help="Candidates and settings of a published study; whatever else is given takes precedence.",
    )(function)


def _set_defaults(ctx: click.Context, param: click.Parameter, name: str | None) -> None:
    if name is None:
        return
    from ncap.presets import preset as named

    chosen = named(name)
    values = {
        setting: ",".join(map(str, value)) if isinstance(value, tuple) else value
        for setting, value in chosen.settings.items()
    }
    ctx.default_map = {**(ctx.default_map or {}), "candidates": chosen.candidates, **values}


def store(help: str, of_job: bool = False) -> Decorator:
    """The option --store, and with `of_job` those that choose a job in it."""
    options = [click.option("--store", type=PATH, default=Path("runs.db"), help=help)]
    if of_job:
        several = "of the job, if the store holds several; the newest by default."
        options += [
            click.option("--settings", default=None, help=f"Hash {several}"),
            click.option("--target", default=None, help=f"Target {several}"),
        ]
    return _all(options)


def seed(of: str) -> Decorator:
    """The option --seed."""
    return click.option("--seed", type=click.IntRange(0), default=0, help=f"Seed of {of}.")


def splits(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options --validation, --test and --on-bad, which say how a target is loaded."""
    from ncap.job import settings as all_settings

    return _all([_option(all_settings()[name]) for name in ("validation", "test", "on_bad")])(function)


def settings() -> Decorator:
    """One option per setting that the command line offers."""
    from ncap.job import settings as all_settings

    return _all([_option(each) for each in all_settings().values() if each.metadata["cli"] is not None])


def _all(options: Sequence[Decorator]) -> Decorator:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _option(setting: "Field[Any]") -> Decorator:
    name, default, cli = setting.name, setting.default, setting.metadata["cli"]
    given: dict[str, Any] = {"default": default, "help": setting.metadata["help"]}
    if "least" in cli:
        given["type"] = click.IntRange(cli["least"])
    if cli.get("numbers"):
        numbers = default if isinstance(default, tuple) else (default,)
        given |= {"default": ",".join(map(str, numbers)), "callback": _numbers}
    if default == ():  # the help names the default
        given["default"] = None
    return click.option(cli.get("flags", f"--{name.replace('_', '-')}"), name, **given)


def _numbers(ctx: click.Context, param: click.Parameter, text: str) -> tuple[int, ...]:
    """Whole numbers separated by commas."""
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError:
        raise ValueError(
            f"{param.opts[0]} takes whole numbers separated by commas, such as {param.default}, got {text!r}"
        ) from None
