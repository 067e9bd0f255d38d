"""ncap datasets."""

from pathlib import Path
from typing import Any

import click

from ncap.cli import options
from ncap.cli.printer import format_option, print_table, say


@click.command()
@click.argument("name", required=False)
@options.splits
@click.option(
    "--export",
    type=options.PATH,
    default=None,
    help="Folder to write the images of NAME to, as PNG files in class folders.",
)
@options.seed("the splits")
@format_option
def datasets(name: str | None, export: Path | None, format: str, **loading: Any) -> None:
    """List the targets that ncap knows by name; of one NAME, file or folder, its parts and how even its classes are."""
    from ncap import targets
    from ncap.targets.catalog import part_table
    from ncap.targets.contract import Loading

    chosen = Loading(**loading)
    if name is None:
        if export is not None:
            raise ValueError(
                f"--export takes what to write and where, as in: ncap datasets digits --export photos; got {export}"
            )
        print_table(targets.list_targets(), format)
        return
    target = targets.resolve(name)(chosen)
    if export is not None:
        from ncap.targets.export import export_folder

        say(export_folder(target, export))
        return
    if format == "table":
        from ncap.balance import Balance

        say(f"{target}, fingerprint {target.fingerprint}")
        say(f"{Balance.of_labels(target.labels('train'))}".capitalize())
    print_table(part_table(target), format)
