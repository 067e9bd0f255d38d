"""ncap models."""

import click

from ncap.cli.printer import format_option, print_table


@click.command()
@click.argument("names", required=False)
@format_option
def models(names: str | None, format: str) -> None:
    """List the candidates that ncap knows by name; with NAMES, those of a collection, or the candidates of these names."""
    from ncap.candidates import list_candidates

    print_table(list_candidates(names), format)
