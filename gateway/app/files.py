"""The SFTP adapter in the gateway's processes: what is behind it, and where it listens or calls."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

from crypto.errors import KeysUnavailable
from crypto.openbao import Session
from crypto.openbao.kv import KeptFiles, SshKeys
from gateway.app.parts import adapters
from gateway.doors import Gateway
from gateway.errors import Unavailable
from gateway.files import Files
from gateway.folders import AgreedFolders, KeysOfFiles, RecordCounter, sftp_server
from gateway.ports import Outbound
from gateway.registry.by_sftp import SFTP, ByServer
from gateway.registry.snapshot import ADAPTERS, Snapshot
from gateway.settings import Settings
from gateway.signatures import DetachedSignatures


def file_outbound(delivery: ByServer, keys: SshKeys) -> Outbound:
    """Return the way to an agency's own SFTP server."""

    def key() -> bytes:
        try:
            return keys.read("ssh-client")
        except KeysUnavailable as error:
            raise Unavailable("unavailable.keys", str(error)) from error

    (sftp,) = entry_points(group=ADAPTERS, name=SFTP)
    outbound: Outbound = sftp.load().outbound(sftp_server(delivery.server, delivery.folder), key)
    return outbound


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
        keys=KeysOfFiles(KeptFiles(session), SshKeys(session, "intake")),
        count=RecordCounter(in_force),
        signatures=DetachedSignatures(lambda agency: in_force().registry.agencies[agency]),
    )
    config = sftp.Config(folder=Path(settings.sftp.folder), host=settings.sftp.host, port=settings.sftp.port)
    inbound: Inbound = sftp.inbound(config, files, gateway.refusals)
    return inbound
