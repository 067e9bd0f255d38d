"""ncap demo."""

from pathlib import Path

import click

from ncap.cli import options


@click.command()
@click.option(
    "--out", type=options.PATH, default=Path("demo"), help="Folder for the store, the report and the figures."
)
@options.seed("everything random")
def demo(out: Path, seed: int) -> None:
    """Rank ten embedded networks on digits after 5 epochs, train to 30, compare. Works offline."""
    from ncap import framework
    from ncap.demo import run_demo

    framework.load()
    run_demo(out, seed)
