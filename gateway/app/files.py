"""The SFTP adapter in the gateway's processes: what is behind it, and where it listens or calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

from crypto.errors import KeysUnavailable
from crypto.openbao import Session
from crypto.openbao.kv import KeptFiles, SshKeyName, SshKeys
from gateway.app.parts import adapters
from gateway.doors import Gateway, Mailbox, Refusals
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
    (sftp,) = entry_points(group=ADAPTERS, name=SFTP)
    outbound: Outbound = sftp.load().outbound(
        sftp_server(delivery.server, delivery.folder), partial(_ssh_key, keys, "ssh-client")
    )
    return outbound


def file_inbox(
    settings: Settings,
    keys: SshKeys,
    mailbox: Mailbox,
    refusals: Refusals,
    in_force: Callable[[], Snapshot],
) -> Inbox | None:
    """Return what lets agencies fetch files, or None when none of them does."""
    sftp = adapters(in_force()).get(SFTP)
    if settings.sftp is None or settings.sftp.deliver_port is None or sftp is None:
        return None
    config = sftp.Config(
        folder=Path(settings.sftp.folder), host=settings.sftp.host, port=settings.sftp.deliver_port
    )
    host_key = partial(_ssh_key, keys, "ssh-host")
    inbox: Inbox = sftp.inbox(config, AgreedFolders(in_force), host_key, mailbox, refusals)
    return inbox


def _ssh_key(keys: SshKeys, name: SshKeyName) -> bytes:
    try:
        return keys.read(name)
    except KeysUnavailable as error:
        raise Unavailable("unavailable.keys", str(error)) from error


class Inbound(Protocol):
    """What agencies' SFTP clients talk to, from `start` to `stop`."""

    port: int

    async def start(self) -> None:
        """Begin."""

    async def stop(self) -> None:
        """Let nobody in any more and break off what runs; it goes on at the next start."""


class Inbox(Inbound, Protocol):
    """What agencies fetch from."""

    def look(self) -> None:
        """End the connections of those who would not be let in any more; called every few seconds."""


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
