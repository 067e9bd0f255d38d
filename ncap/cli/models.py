"""ncap models."""

import click

from ncap.cli.printer import format_option, print_table


@click.command()
@format_option
def models(format: str) -> None:
    """List the candidates that ncap knows by name."""
    from ncap.candidates import list_candidates

    print_table(list_candidates(), format)
