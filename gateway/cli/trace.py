"""`isnad trace`: everything that happened to one record, from the log."""

from __future__ import annotations

import click

from gateway.cli._lanes import as_json, configured, print_entries, reading
from gateway.log import search
from gateway.settings import Settings


@click.command("trace")
@configured
@click.argument("record_id")
@as_json
def trace(settings: Settings, record_id: str, as_json: bool) -> None:  # noqa: FBT001  a flag
    """Show everything that happened to a record: accepted, held, released, delivered, answered."""
    with reading(settings) as db:
        try:
            story = search.trace(db, record_id)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
    if not story:
        raise click.ClickException("no record was accepted under this id")
    print_entries(story, as_json=as_json)
