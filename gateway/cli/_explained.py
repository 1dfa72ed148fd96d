"""A group of commands, each of which explains itself before the group asks for what all of them need."""

from __future__ import annotations

import click


class Explained(click.Group):
    """`isnad keys init --help` needs no key server: click alone would first look for the group's own options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        name = next((word for word in args if word in self.commands), "")
        if name and "--help" in args[args.index(name) :]:
            click.echo(self.commands[name].get_help(click.Context(self.commands[name], ctx, name)))
            ctx.exit()
        return super().parse_args(ctx, args)
