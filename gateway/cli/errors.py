"""`isnad errors`: what a code means and what to do about it."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.codes import CODES, page, text


@click.command("errors")
@click.argument("code", required=False)
@click.option("--page", "whole_page", is_flag=True, help="Write docs/errors.md to standard output.")
@click.option(
    "--check", "checked", type=click.Path(exists=True, path_type=Path), help="Fail unless FILE is that page."
)
def errors(code: str | None, whole_page: bool, checked: Path | None) -> None:  # noqa: FBT001  click's flag
    """Explain CODE, in English and Arabic; without one, list all codes."""
    if checked is not None:
        if checked.read_text(encoding="utf-8") != page():
            raise click.ClickException(f"{checked} is not current: isnad errors --page > {checked}")
    elif whole_page:
        click.echo(page(), nl=False)
    elif code is None:
        for known, meaning in CODES.items():
            click.echo(f"{known:36} {meaning.fate:12} {meaning.en}")
    elif code in CODES:
        click.echo(text(code), nl=False)
    else:
        raise click.ClickException(f"there is no code {code}; `isnad errors` lists them all")
