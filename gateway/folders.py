"""What agencies may put down as files, by the registry in force, and how many records a file holds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from contracts import Piece
from crypto.errors import KeysUnavailable
from crypto.openbao.kv import KeptFiles, SshKeyName, SshKeys
from gateway.errors import Rejected, Unavailable
from gateway.files import FileAgency, Folder, Poll, SftpServer
from gateway.registry import Agency
from gateway.registry.by_sftp import Fetched, Server
from gateway.registry.snapshot import Snapshot
from gateway.rules import RECORD_MAX_BYTES, in_force_now

FRESH_S = 5.0
"""How long what an agreement's dates say is not looked at again; a change of the registry counts at once."""


class AgreedFolders:
    """Implements `files.FileAgencies`. `in_force` returns the snapshot to decide by."""

    def __init__(self, in_force: Callable[[], Snapshot]) -> None:
        self._in_force = in_force
        self._known: Mapping[str, FileAgency] = {}
        self._known_of: Snapshot | None = None
        self._until_s = 0.0

    def __call__(self) -> Mapping[str, FileAgency]:
        """See `files.FileAgencies`."""
        snapshot = self._in_force()
        if snapshot is not self._known_of or time.monotonic() >= self._until_s:
            self._until_s = time.monotonic() + FRESH_S
            known = _agencies(snapshot, time.time_ns() // 1_000_000)
            if snapshot is not self._known_of or known != self._known:
                self._known_of, self._known = snapshot, known
        return self._known


class RecordCounter:
    """Implements `files.RecordCount`. `in_force` returns the snapshot to decide by."""

    def __init__(self, in_force: Callable[[], Snapshot]) -> None:
        self._in_force = in_force

    async def __call__(self, sender: str, contract: str, media_type: str, body: AsyncIterator[bytes]) -> int:
        """See `files.RecordCount`."""
        binding = self._in_force().catalogue.binding(sender, contract)
        count = 0
        # One thread for all of it: libxml2 keeps the names it meets in a table of the thread that made the parser, and
        # a parser that is fed by several threads breaks the table, and with it the process.
        with ThreadPoolExecutor(1) as own:
            run = partial(asyncio.get_running_loop().run_in_executor, own)
            splitter = await run(binding.splitter, RECORD_MAX_BYTES, media_type)
            async for octets in body:
                count += await run(_counted, splitter.feed, octets)
            return count + await run(_counted, splitter.close)


class KeysOfFiles:
    """Implements `files.FileKeys` with what the key server holds."""

    def __init__(self, kept: KeptFiles, keys: SshKeys) -> None:
        self._kept = kept
        self._keys = keys
        self._of_files: dict[str, bytes] = {}  # asked for several times a file

    def of_files(self, agency: str) -> bytes:
        """See `files.FileKeys.of_files`."""
        if agency not in self._of_files:
            try:
                self._of_files[agency] = self._kept.key(agency)
            except KeysUnavailable as error:
                raise Unavailable("unavailable.keys", str(error)) from error
        return self._of_files[agency]

    def of_client(self) -> bytes:
        """See `files.FileKeys.of_client`."""
        return self._ssh("ssh-client")

    def of_host(self) -> bytes:
        """See `files.FileKeys.of_host`."""
        return self._ssh("ssh-host")

    def _ssh(self, name: SshKeyName) -> bytes:
        try:
            return self._keys.read(name)
        except KeysUnavailable as error:
            raise Unavailable("unavailable.keys", str(error)) from error


def sftp_server(server: Server, folder: str) -> SftpServer:
    """Return a folder of an agency's own server."""
    return SftpServer(server.addresses, server.user, server.host_keys, folder.rstrip("/"), server.timeout_s)


def poll(fetched: Fetched) -> Poll:
    """Return what is fetched from an agency's own server."""
    server = sftp_server(fetched.server, fetched.folder)
    return Poll(fetched.contract, server, fetched.answers or "", fetched.every_s)


def _agencies(snapshot: Snapshot, at_ms: int) -> dict[str, FileAgency]:
    return {
        agency.name: made
        for agency in snapshot.registry.agencies.values()
        if (made := _agency(snapshot, agency, at_ms)) is not None
    }


def _agency(snapshot: Snapshot, agency: Agency, at_ms: int) -> FileAgency | None:
    files = agency.file.files
    if files is None:
        return None
    return FileAgency(
        name=agency.name,
        keys=files.keys,
        authorities=files.authorities,
        revoked=frozenset(files.revoked),
        max_bytes=files.max_bytes,
        max_files=files.max_files,
        folders=_folders(snapshot, agency.name, at_ms),
        polls=tuple(map(poll, files.fetched)),
        lapsed=_lapsed(snapshot, agency.name, at_ms),
    )


def _lapsed(snapshot: Snapshot, agency: str, at_ms: int) -> dict[str, str]:
    agreed = {one.file.contract for one in snapshot.registry.agreements if one.file.sender == agency}
    found: dict[str, str] = {}
    for contract in agreed:
        try:
            in_force_now(snapshot, agency, "", contract, at_ms)
        except Rejected as error:
            found[contract] = error.code
    return found


def _folders(snapshot: Snapshot, agency: str, at_ms: int) -> dict[str, Folder]:
    folders: dict[str, Folder] = {}
    for agreement in snapshot.registry.agreements:
        if agreement.file.sender != agency or not agreement.covers(at_ms):
            continue
        binding = snapshot.catalogue.binding(agency, agreement.file.contract)
        if binding.files is None:
            continue
        signed = agreement.file.origin_signature == "required"
        kept_days = agreement.file.originals_kept_days
        other = folders.get(agreement.file.contract)
        if other is not None:  # the same contract to two recipients: one folder, and the stricter of both
            signed, kept_days = signed or other.signed, max(kept_days, other.kept_days)
        folders[agreement.file.contract] = Folder(
            contract=agreement.file.contract,
            media_types=binding.media_types,
            encoding=binding.encoding,
            rules=binding.files,
            kept_days=kept_days,
            signed=signed,
        )
    return folders


def _counted(cut: Callable[..., Sequence[Piece]], *octets: bytes) -> int:
    """Return how many records were cut out.

    What cannot be read to its end is refused for that reason, and not because it has fewer records than it should.
    """
    pieces = cut(*octets)
    for piece in pieces:
        if piece.ends_submission and piece.refusal is not None:
            raise Rejected(piece.refusal.code, piece.refusal.rule, piece.refusal.field)
    return len(pieces)
