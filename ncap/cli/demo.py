"""ncap demo."""

from pathlib import Path

import click

from ncap.cli import options


@click.command()
@click.option("--out", type=options.PATH, default=Path("demo"), help="Folder for store, report and figures.")
@options.seed("everything random")
def demo(out: Path, seed: int) -> None:
    """Rank the embedded candidates on digits after 5 epochs, train on to 30, compare. Offline, a minute and a half."""
    from ncap import framework
    from ncap.demo import run_demo

    framework.load()
    run_demo(out, seed)
