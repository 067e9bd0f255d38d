"""ncap scores."""

import click

from ncap.cli.printer import format_option, print_table


@click.command()
@format_option
def scores(format: str) -> None:
    """List the scores, which need no training."""
    from ncap.scores.scoring import list_scores

    print_table(list_scores(), format)
