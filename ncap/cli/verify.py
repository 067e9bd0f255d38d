"""ncap verify."""

import click

from ncap.cli import options
from ncap.cli.group import FailedCheckError
from ncap.cli.printer import format_option, print_table


@click.command()
@options.seed("the drawn networks")
@format_option
def verify(seed: int, format: str) -> None:
    """Compare the implementations on this machine and device; exit code 1 if they differ."""
    from ncap import framework

    framework.load()
    import keras
    import pandas as pd

    from ncap.verification import check_table, run_checks

    checks = list(run_checks(seed))
    print_table(pd.DataFrame([check.row() for check in checks]), format, lambda _: check_table(checks))
    if format == "table":
        click.echo(f"Keras {keras.__version__} on {keras.backend.backend()}, {', '.join(framework.devices())}")
    failed = [check for check in checks if not check.passed]
    if failed:
        raise FailedCheckError(f"{len(failed)} of {len(checks)} checks failed: {failed[0].what}, {failed[0].dtype}")
