"""The contracts in force, kept as files of the gateway's own.

Agencies and officers change the contracts' folder file by file, and may break it. What was accepted of it is copied
here as a whole, so that the processes that prepare records never read a folder in the middle of a change, and an
agency whose folder does not hold keeps what it had, over a restart as well.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import contracts
from contracts.errors import Invalid
from contracts.folder import Files, digest, read
from gateway.errors import Unavailable

INTAKE, DELIVER = "intake-contracts", "deliver-contracts"
"""Beside the store: the folders of the two processes that watch the contracts."""
_CURRENT = "current"
_NEXT = "next"


@dataclass(frozen=True, slots=True)
class InForce:
    """A folder with the contracts in force; one process writes it, all of the gateway may read it."""

    folder: Path

    @property
    def current(self) -> Path:
        """Where the contracts stand; to be read as a whole, for the next change replaces all of it."""
        return self.folder / _CURRENT

    def files(self) -> Files:
        """Return the files of the contracts that were put in force last; none when they are not as they were."""
        try:
            files = read(self.current)
            return files if digest(files) == self.current.resolve().name else {}
        except (Invalid, OSError):
            return {}

    def put(self, catalogue: contracts.Catalogue) -> None:
        """Keep the files of a catalogue, and no longer those before.

        Raises:
            Unavailable: `unavailable.store`; what was kept still is.
        """
        made = self.folder / catalogue.digest
        before = self.current.resolve()
        if before == made.resolve() and self.files():
            return
        try:
            shutil.rmtree(made, ignore_errors=True)
            for name, octets in catalogue.files.items():
                path = made / name
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.write_bytes(octets)
            (self.folder / _NEXT).unlink(missing_ok=True)
            (self.folder / _NEXT).symlink_to(made.name)
            os.replace(self.folder / _NEXT, self.current)  # noqa: PTH105  both names are links
        except OSError as error:
            raise Unavailable("unavailable.store", "the contracts cannot be kept") from error
        if before.parent == self.folder.resolve() and before != made.resolve():
            shutil.rmtree(before, ignore_errors=True)
