"""The command `isnad`: each subcommand is a module of its own beside this one, loaded when it is called."""

from __future__ import annotations

import importlib
import sys
from pkgutil import iter_modules
from typing import Any

import click

from contracts.errors import Invalid
from gateway.cli._arabic import asked_for, spoken
from gateway.errors import IsnadError

EXIT_FAILED = 1
_LANGUAGE = "isnad.language"


class _Commands(click.Group):
    """Finds `isnad NAME` in `gateway/cli/NAME.py`, so that one command's imports do not slow another.

    What click itself complains of is said in the language that is asked for.
    """

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        language = asked_for(args)
        with spoken(language):
            made = super().make_context(info_name, args, parent, **extra)
        made.meta[_LANGUAGE] = language
        return made

    def invoke(self, ctx: click.Context) -> Any:
        with spoken(ctx.meta[_LANGUAGE]):
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{__name__}.{cmd_name}")
        command = getattr(module, cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.__name__} has no command of its own name")
        return command


@click.command(cls=_Commands)
@click.version_option(package_name="isnad")
def isnad() -> None:
    """إسناد: the gateway through which an elections authority exchanges records with other agencies."""


def main() -> None:
    """Run a command; an error with a code, or each problem of a file, is one line, and the exit status 1."""
    try:
        isnad()
    except IsnadError as error:
        click.echo(f"{error.code}: {error.rule}" + (f" ({error.field})" if error.field else ""), err=True)
        sys.exit(EXIT_FAILED)
    except Invalid as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        sys.exit(EXIT_FAILED)
