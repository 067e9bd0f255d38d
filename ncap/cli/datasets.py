"""ncap datasets."""

import click

from ncap.cli.printer import format_option, print_table


@click.command()
@format_option
def datasets(format: str) -> None:
    """List the targets that ncap knows by name."""
    from ncap.targets import list_targets

    print_table(list_targets(), format)
