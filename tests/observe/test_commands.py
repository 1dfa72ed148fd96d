"""Every command explains itself, also where nothing of what it needs is there."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from gateway.cli import isnad


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command and group."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


COMMANDS = list(commands(isnad))


def test_there_are_commands_of_groups_as_well() -> None:
    assert {("keys", "init"), ("open", "message"), ("log", "verify"), ("serve",)} <= set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_explains_itself_where_nothing_is_there(
    words: tuple[str, ...], tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("BAO_ADDR", "BAO_CACERT", "BAO_TOKEN", "ISNAD_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    told = CliRunner().invoke(isnad, [*words, "--help"], prog_name="isnad")
    assert told.exit_code == 0, told.output
    assert told.output.startswith(f"Usage: isnad {' '.join(words)} ")
