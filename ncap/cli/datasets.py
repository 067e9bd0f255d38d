"""ncap datasets."""

from typing import Any

import click

from ncap.cli import options
from ncap.cli.printer import format_option, print_table, say


@click.command()
@click.argument("name", required=False)
@options.splits
@options.seed("the splits")
@format_option
def datasets(name: str | None, format: str, **loading: Any) -> None:
    """List the targets that ncap knows by name; of one NAME, file or folder, its parts and how even its classes are."""
    from ncap import targets
    from ncap.targets.catalog import part_table
    from ncap.targets.contract import Loading

    chosen = Loading(**loading)
    if name is None:
        print_table(targets.list_targets(), format)
        return
    target = targets.resolve(name)(chosen)
    if format == "table":
        from ncap.balance import Balance

        say(f"{target}, fingerprint {target.fingerprint}")
        say(f"{Balance.of_labels(target.labels('train'))}".capitalize())
    print_table(part_table(target), format)
