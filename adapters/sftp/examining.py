"""What is looked at before the first record of a file is taken: is it the file that its sender says, and a new one?"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

from msgspec.structs import replace

from adapters.sftp.entry import Entry
from adapters.sftp.journal import Journal
from adapters.sftp.names import SIGNATURE
from adapters.sftp.sealed import SealedFile
from adapters.sftp.tree import Tree
from adapters.sftp.unpacking import inner_name, unpacked
from gateway.errors import Rejected, Tampered
from gateway.files import Files, Folder, Manifest, ManifestRules, read_manifest
from gateway.records import Origin

HASH_BYTES = 1 << 20
SMALL_BYTES = 256 << 10
"""What is hashed without leaving the event loop: shorter than going to another thread."""
SIGNATURE_MAX_BYTES = 64 << 10
MANIFEST_MAX_BYTES = 4096
_MEDIA = {".csv": "text/csv", ".xml": "application/xml", ".ndjson": "application/x-ndjson",
          ".json": "application/json"}  # fmt: skip


class Examination:
    """Examines files of one folder."""

    def __init__(self, files: Files, tree: Tree, journal: Journal, folder: Folder) -> None:
        self._files = files
        self._tree = tree
        self._journal = journal
        self._folder = folder

    async def of(self, entry: Entry, original: SealedFile) -> Entry:
        """Return what a file is, once nothing speaks against taking it; `original` is it, opened.

        Raises:
            Rejected: `file.*`, `record.manifest.*`, `origin.*`, `agreement.origin_signature_required`.
            Tampered: `tampered.file`; it is not as it was received.
        """
        # 1. What arrived, octet for octet.
        if original.size != entry.size:
            raise Tampered("tampered.file", "a kept file must be as long as it was")
        digest = await _digest(original)
        entry = replace(entry, sha256=digest.hex(), media_type=self._media_type(entry.name))
        # 2. Whose is it? A signature stands over the manifest, which has the file's hash, or over the file.
        rules = self._folder.rules.manifest
        signed_name = entry.name if rules is None else rules.name_for(entry.name)
        entry = await self._with_signature(entry, signed_name, digest)
        # 3. Is it what its manifest says?
        manifest = None if rules is None else self._manifest(rules, entry)
        if rules is not None and manifest is not None:
            entry = replace(
                _compared(rules, manifest, entry),
                expected=manifest.count,
                batch=manifest.batch or "",
                sequence=manifest.sequence,
                total=manifest.total or 0,
            )
        # 4. Was it here before? By content, whatever it is called.
        if self._journal.same_content(entry) is not None:
            raise Rejected("file.repeated", "a file is taken once; send new records in a new file")
        # 5. Where is it in its series?
        if manifest is not None:
            entry = self._in_series(entry, manifest)
        # 6. Has it as many records as it says? Nothing is taken of one that is cut short, or is another.
        if rules is not None and manifest is not None and not rules.tolerant:
            await self._count(entry, original, manifest)
        return entry

    def _media_type(self, name: str) -> str:
        inner = inner_name(name)
        found = next((media for suffix, media in _MEDIA.items() if inner.endswith(suffix)), "")
        return found if found in self._folder.media_types else self._folder.media_types[0]

    async def _with_signature(self, entry: Entry, signed_name: str, digest: bytes) -> Entry:
        place = entry.agency, entry.contract
        if self._tree.lying(*place, signed_name + SIGNATURE) is None:
            if self._folder.signed:
                raise Rejected(
                    "agreement.origin_signature_required", "the agreement demands an origin signature"
                )
            return entry
        signature = self._small(entry, signed_name + SIGNATURE, SIGNATURE_MAX_BYTES, "origin.malformed")
        over = digest if signed_name == entry.name else await self._digest_of(*place, signed_name)
        origin = Origin(entry.certificate, channel="ssh")
        proven = await asyncio.to_thread(self._files.signatures.verify, entry.agency, origin, over, signature)
        return replace(entry, signature=proven.signature, key_id=proven.key_id)

    async def _digest_of(self, agency: str, contract: str, name: str) -> bytes:
        with closing(self._tree.opened(agency, contract, name)) as file:
            return await _digest(file)

    def _manifest(self, rules: ManifestRules, entry: Entry) -> Manifest:
        octets = self._small(entry, rules.name_for(entry.name), MANIFEST_MAX_BYTES, "record.manifest.syntax")
        return read_manifest(rules, octets)

    def _small(self, entry: Entry, name: str, most: int, code: str) -> bytes:
        with closing(self._tree.opened(entry.agency, entry.contract, name)) as file:
            if file.size > most:
                raise Rejected(code, f"at most {most} bytes")
            return file.read(0, most)

    def _in_series(self, entry: Entry, manifest: Manifest) -> Entry:
        if manifest.total is None:
            highest = self._journal.highest_sequence(entry)
            repeated, missing = entry.sequence <= highest, entry.sequence - highest - 1
        else:  # parts of a batch, which may come in any order; what comes later closes the gap
            parts = self._journal.parts(entry)
            repeated = entry.sequence in parts
            missing = entry.sequence - 1 - sum(part < entry.sequence for part in parts)
        if repeated:
            raise Rejected("file.sequence_repeated", "a sequence number stands for one file", "sequence")
        return replace(entry, missing=missing)

    async def _count(self, entry: Entry, original: SealedFile, manifest: Manifest) -> None:
        chunks = body(unpacked(original, entry.name), at_once=is_small(original, entry.name))
        count = await self._files.count(entry.agency, entry.contract, entry.media_type, chunks)
        if count != manifest.count:
            raise Rejected("file.contradicted", "as many records as the manifest says", "count")


def is_small(file: SealedFile, name: str) -> bool:
    """Return whether a file is read faster than another thread is gone to; a packed one may unpack to anything."""
    return file.size <= SMALL_BYTES and name == inner_name(name)


async def body(chunks: Iterator[bytes], *, at_once: bool) -> AsyncIterator[bytes]:
    """Yield chunks that are read and unpacked in another thread, or `at_once` in this one."""
    if at_once:
        for octets in chunks:
            yield octets
        return
    while (chunk := await asyncio.to_thread(_following, chunks)) is not None:
        yield chunk


def _following(chunks: Iterator[bytes]) -> bytes | None:
    return next(chunks, None)


def _compared(rules: ManifestRules, manifest: Manifest, entry: Entry) -> Entry:
    """Return a file's entry, with what its manifest contradicts where the binding has that reported."""
    if manifest.sha256 != entry.sha256:
        raise Rejected("file.contradicted", "the SHA-256 that the manifest says", "sha256")
    wrong = None
    if manifest.size is not None and manifest.size != entry.size:
        wrong = Rejected("file.contradicted", "as long as the manifest says", "size")
    elif manifest.name is not None and manifest.name != entry.name:
        wrong = Rejected("file.contradicted", "called as the manifest says", "name")
    if wrong is None:
        return entry
    if not rules.tolerant:
        raise wrong
    return replace(entry, code=wrong.code, rule=wrong.rule)


async def _digest(file: SealedFile) -> bytes:
    """Return a file's SHA-256, 32 bytes."""
    return _hashed(file) if file.size <= SMALL_BYTES else await asyncio.to_thread(_hashed, file)


def _hashed(file: SealedFile) -> bytes:
    digest = hashlib.sha256()
    for offset in range(0, file.size, HASH_BYTES):
        digest.update(file.read(offset, HASH_BYTES))
    return digest.digest()
