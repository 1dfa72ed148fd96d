"""`isnad serve`: one of the gateway's two processes."""

from __future__ import annotations

import os
from pathlib import Path

import click
import uvloop

from gateway import observe
from gateway.app.intake import serve as run
from gateway.interpreter import keep_freed_memory


@click.command("serve")
@click.option(
    "--config",
    default="config",
    envvar="ISNAD_CONFIG",
    show_default=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
def serve(config: Path) -> None:
    """Take records in, keep the log, relay to the queue."""
    observe.configure("serve")
    os.umask(0o007)  # the store and the queue are for this account and its group
    keep_freed_memory()
    uvloop.run(run(config))
