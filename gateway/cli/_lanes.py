"""What the commands that read the log share: where it is, how an entry is shown."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson
from rich.console import Console
from rich.table import Table

from contracts.errors import Invalid
from crypto.errors import KeysUnavailable
from crypto.openbao import Administrator, Connection
from gateway.errors import Unavailable
from gateway.log.reading import Readers
from gateway.log.search import Found
from gateway.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
_SHOWN_ELSEWHERE = frozenset({"v", "kind", "time"})

configured: Callable[[F], F] = click.option(
    "--config",
    "settings",
    envvar="ISNAD_CONFIG",
    default="config",
    show_default=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    callback=lambda _context, _option, folder: loaded(folder),
    help="The configuration folder.",
)
config_folder: Callable[[F], F] = click.option(
    "--config",
    envvar="ISNAD_CONFIG",
    default="config",
    show_default=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The configuration folder.",
)
as_json: Callable[[F], F] = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@contextmanager
def reading(settings: Settings) -> Iterator[sqlite3.Connection]:
    """Open the store for reading.

    Raises:
        click.ClickException: something asked for is not there.
    """
    with closing(Readers(Path(settings.store.path))) as readers:
        try:
            yield readers.db()
        except LookupError as error:
            raise click.ClickException(str(error)) from error


@contextmanager
def key_server(settings: Settings) -> Iterator[Administrator]:
    """Speak to the key server with the token in BAO_TOKEN, or asked for: it is never an argument."""
    keys = settings.keys
    token = os.environ.get("BAO_TOKEN") or click.prompt("Token", hide_input=True, err=True)
    try:
        ca_pem = Path(keys.ca_file).read_text(encoding="ascii")
    except OSError as error:
        raise Unavailable("unavailable.keys", "the key server's authority cannot be read") from error
    with closing(Connection(keys.address, ca_pem, timeout_s=keys.timeout_s)) as connection:
        yield Administrator(connection, token)


def officer(keys: Administrator) -> str:
    """Return the name under which the key server knows the officer.

    Raises:
        Unavailable: `unavailable.keys`.
    """
    try:
        return keys.holder()
    except KeysUnavailable as error:
        raise Unavailable("unavailable.keys", str(error)) from error


def print_entries(entries: Sequence[Found], *, as_json: bool) -> None:
    """Show entries, as a table or as JSON lines `{"lane", "index", "entry"}`."""
    if as_json:
        for found in entries:
            line = {"lane": found.lane, "index": found.index, "entry": found.fields}
            click.echo(orjson.dumps(line).decode())
        return
    title = "1 entry" if len(entries) == 1 else f"{len(entries)} entries"
    table = Table("Lane", "Index", "Time", "What happened", title=title)
    table.add_column("Details", overflow="fold")  # an id that is cut off is of no use
    for found in entries:
        fields = found.fields
        details = "\n".join(
            f"{name}: {_text(fields[name])}" for name in fields if name not in _SHOWN_ELSEWHERE
        )
        table.add_row(found.lane, str(found.index), fields.get("time", ""), fields.get("kind", ""), details)
    Console(markup=False, highlight=False).print(table)


def printable(text: str) -> str:
    """Return a text without what would move a terminal's cursor or turn its direction of writing."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _text(value: object) -> str:
    return printable(value if isinstance(value, str) else orjson.dumps(value).decode())


def loaded(folder: Path) -> Settings:
    """Return the settings of a configuration folder.

    Raises:
        click.ClickException: it has problems.
    """
    try:
        return Settings.load(folder)
    except Invalid as error:
        raise click.ClickException(str(error)) from error
