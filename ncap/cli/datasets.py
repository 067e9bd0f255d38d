"""ncap datasets."""

from pathlib import Path

import click

from ncap.cli import options
from ncap.cli.printer import format_option, print_table, say


@click.command()
@click.argument("name", required=False)
@click.option(
    "--export",
    type=options.PATH,
    default=None,
    help="Folder to write the images of NAME to, as PNG files in class folders.",
)
@options.seed("the splits")
@format_option
def datasets(name: str | None, export: Path | None, seed: int, format: str) -> None:
    """List the targets that ncap knows by name; with --export, write one NAME, file or folder as a folder of class folders."""
    from ncap import targets

    if name is None and export is None:
        print_table(targets.list_targets(), format)
        return
    if name is None or export is None:
        raise ValueError(
            f"--export takes what to write and where, as in: ncap datasets digits --export photos; got {name=}, {export=}"
        )
    from ncap.targets.export import export_folder

    say(export_folder(targets.load(name, seed), export))
