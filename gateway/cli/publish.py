"""`isnad publish`: the catalogue page and the documents for programs, generated from the contracts."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import click

from contracts import folder
from contracts.errors import Invalid
from gateway.publication import library
from gateway.publication import publish as files_of
from gateway.publication.documents import Describe
from gateway.registry.snapshot import ADAPTERS


@click.command("publish")
@click.argument("out", metavar="OUT_DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--at", "root", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="The catalogue's folder; the shipped one otherwise.")  # fmt: skip
def publish(out: Path, root: Path | None) -> None:
    """Write the catalogue, to browse and for programs, into OUT_DIR, which must be empty or not exist.

    Open OUT_DIR/index.html; nothing is fetched from elsewhere. The same catalogue gives the same files;
    manifest.json has the SHA-256 of each and is not signed.
    """
    if out.exists() and any(out.iterdir()):
        raise click.ClickException(
            f"{out} is not empty: what was published is never edited, only written anew"
        )
    try:
        published = files_of(library(folder.read(root or folder.SHIPPED)), _adapters())
    except Invalid as invalid:
        for problem in invalid.problems:
            click.echo(f"{problem.file}: {problem.where}: {problem.message}", err=True)
        raise click.ClickException(
            "the catalogue is not valid; `isnad contract check` says more"
        ) from invalid
    for name, octets in published.items():
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(octets)
    click.echo(f"{len(published)} files, {sum(map(len, published.values()))} bytes: {out / 'index.html'}")


def _adapters() -> dict[str, Describe]:
    """Return how each installed adapter describes itself, by name."""
    modules = {found.name: found.load() for found in entry_points(group=ADAPTERS)}
    return {name: module.describe for name, module in modules.items() if hasattr(module, "describe")}
