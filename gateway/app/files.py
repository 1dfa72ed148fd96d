"""The SFTP adapter in the intake process: what is behind it, and where it listens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from crypto.openbao import Session
from crypto.openbao.kv import KeptFiles
from gateway.app.parts import adapters
from gateway.doors import Gateway
from gateway.files import Files
from gateway.folders import AgreedFolders, KeysOfFiles, RecordCounter
from gateway.registry.by_sftp import SFTP
from gateway.registry.snapshot import Snapshot
from gateway.settings import Settings
from gateway.signatures import DetachedSignatures


class Inbound(Protocol):
    """What takes files, from `start` to `stop`."""

    port: int

    async def start(self) -> None:
        """Begin."""

    async def stop(self) -> None:
        """Let nobody in any more and break off what runs; it goes on at the next start."""


def file_intake(
    settings: Settings, session: Session, gateway: Gateway, in_force: Callable[[], Snapshot]
) -> Inbound | None:
    """Return the intake of files, or None when no agency sends any."""
    sftp = adapters(in_force()).get(SFTP)
    if settings.sftp is None or sftp is None:
        return None
    files = Files(
        accept=gateway.accept,
        records=gateway.records,
        note=gateway.note,
        agencies=AgreedFolders(in_force),
        keys=KeysOfFiles(KeptFiles(session)),
        count=RecordCounter(in_force),
        signatures=DetachedSignatures(lambda agency: in_force().registry.agencies[agency]),
    )
    config = sftp.Config(folder=Path(settings.sftp.folder), host=settings.sftp.host, port=settings.sftp.port)
    inbound: Inbound = sftp.inbound(config, files, gateway.refusals)
    return inbound
