"""The command group, which imports a command when it is needed and turns exceptions into messages and exit codes."""

import os
from collections.abc import Mapping
from typing import Any

import click

from ncap.arguments import suggestion
from ncap.cli.interrupt import exit_on_interrupt
from ncap.cli.streams import make_streams_safe, printable_warnings
from ncap.registry import Registry


class CommandError(click.ClickException):
    """An error as a command shows it; a name in it has nothing that a terminal obeys."""

    def format_message(self) -> str:
        """The message, printable."""
        from ncap.terminal import printable

        return printable(self.message)


class FailedCheckError(CommandError):
    """A check has failed."""

    exit_code = 1


class BadInputError(CommandError):
    """An argument that cannot be used, or a file that is not a store."""

    exit_code = 2


class UnfinishedError(CommandError):
    """The work could not be done: disk full, every candidate failed."""

    exit_code = 3


class Commands(click.Group):
    """Commands by name, each "module:attribute"; NCAP_DEBUG=1 shows the traceback of an error."""

    def __init__(self, *arguments: Any, homes: Mapping[str, str], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._registry: Registry[click.Command] = Registry("command", homes)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which a newcomer meets them."""
        return self._registry.names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported on the spot; None for an unknown name."""
        if cmd_name not in self._registry:
            return None
        if cmd_name not in self.commands:
            self.add_command(self._registry.get(cmd_name), cmd_name)
        return self.commands[cmd_name]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but with the nearest name for an unknown one: click compares with the commands that have been imported."""
        name = args[0]
        if name not in self._registry and not name.startswith("-") and not ctx.resilient_parsing:
            nearest = suggestion(name, self._registry.names()).strip()
            ctx.fail(f"No such command {name!r}." + (f" {nearest[0].upper()}{nearest[1:]}" if nearest else ""))
        return super().resolve_command(ctx, args)

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Run the command line."""
        make_streams_safe()
        return super().main(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            with exit_on_interrupt(), printable_warnings():
                return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except Exception as error:
            if os.environ.get("NCAP_DEBUG") == "1":
                raise
            raise _command_error(error) from error


def _command_error(error: Exception) -> click.ClickException:
    from ncap.pipeline import NothingRankedError

    if isinstance(error, ValueError | TypeError):
        return BadInputError(str(error))
    if isinstance(error, OSError | NothingRankedError):
        return UnfinishedError(str(error))
    return UnfinishedError(f"{type(error).__name__}: {error} (NCAP_DEBUG=1 shows where)")
