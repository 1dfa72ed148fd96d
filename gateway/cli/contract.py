"""`isnad contract`: the kit with which an agency's own people write and check a binding, without us."""

from __future__ import annotations

import sys
from pathlib import Path

import click

import contracts
from contracts.errors import Invalid, Problem

EXIT_INVALID = 1


@click.group("contract")
def contract() -> None:
    """Write, check and try the contracts of an agency; nothing is sent anywhere."""


@contract.command("check")
@click.argument("root", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
def check(root: Path | None) -> None:
    """Check every contract, example, binding and sample of the catalogue at ROOT (default: the shipped one).

    Exit status 1 when something is wrong, with where and why.
    """
    problems = _problems(root)
    for problem in problems:
        click.echo(problem)
    click.echo(f"{len(problems)} problems." if problems else "The catalogue keeps its word.")
    sys.exit(EXIT_INVALID if problems else 0)


def _problems(root: Path | None) -> list[Problem]:
    try:
        return contracts.check(contracts.load(root))
    except Invalid as invalid:
        return list(invalid.problems)
