"""`isnad deliver`: one of the gateway's two processes."""

from __future__ import annotations

import os
from pathlib import Path

import click
import uvloop

from gateway import observe
from gateway.app.delivery import deliver as run


@click.command("deliver")
@click.option(
    "--config",
    default="config",
    envvar="ISNAD_CONFIG",
    show_default=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
def deliver(config: Path) -> None:
    """Hand records over to the agencies that the gateway delivers to."""
    observe.configure("deliver")
    os.umask(0o007)  # the store and the queue are for this account and its group
    uvloop.run(run(config))
