"""ncap rules."""

import click

from ncap.cli.printer import format_option, print_table


@click.command()
@format_option
def rules(format: str) -> None:
    """List the rules, which predict from records."""
    from ncap.rules import list_rules

    print_table(list_rules(), format)
