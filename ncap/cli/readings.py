"""ncap readings."""

import click

from ncap.cli.printer import format_option, print_table


@click.command()
@format_option
def readings(format: str) -> None:
    """List the readings of beta_eff and the methods that compute them."""
    from ncap.measure.readings import list_readings

    print_table(list_readings(), format)
