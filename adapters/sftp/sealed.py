"""A file that is never in clear on a disk: blocks of AES-256-GCM, written and read at any place.

    header   8 bytes `isnadf1` and a line feed, 16 bytes salt
    block n  12 bytes nonce, up to 64 KiB of ciphertext, 16 bytes tag; additional data: n (u64be)

The file's key is HKDF-SHA-256 (RFC 5869) of its owner's key and the salt, so without the header the rest is noise:
`erase` overwrites the header before it unlinks. A block is always written whole under a new random nonce (NIST
SP 800-38D §8.2.2). Only the last block is shorter than 64 KiB.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from functools import partial

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from adapters.sftp.dense import seek
from adapters.sftp.hurry import hurry, hurry_and_close
from gateway.errors import Tampered

BLOCK_BYTES = 64 << 10
_MAGIC = b"isnadf1\n"
_SALT_BYTES = 16
_HEADER_BYTES = len(_MAGIC) + _SALT_BYTES
_NONCE_BYTES, _TAG_BYTES = 12, 16
_STORED_BYTES = _NONCE_BYTES + BLOCK_BYTES + _TAG_BYTES
_INFO = b"isnad-file/v1\0"
_GATHER_BYTES = 256 << 10
"""What is written at once: the system takes it in two thirds of the time that it takes for its blocks one by one."""
_GATHERED_PARTS = 2 * (_GATHER_BYTES // BLOCK_BYTES - 1)
"""Nonces and ciphertexts that are kept back while there may be more."""
_TURNS, _TURN_S = 10, 0.001
"""How often a block is read before it is not believed: writing one takes a small part of a millisecond."""
_PARTS_MAX = 1000
"""How many parts one call of the system may write: below Linux' IOV_MAX."""


class SealedFile:
    """One open file. `key` is its owner's, 32 bytes; `size` what it holds, in octets of plaintext.

    The block last touched is kept in memory, and up to 256 KiB before it while they are written one after the other;
    what was written is on the disk after `flush`, and durable after `sync`. `new` tells that it was not there before.

    Raises:
        FileNotFoundError: it is not there and `create` was not asked for.
        Tampered: `tampered.file`; it is not one of ours. Any method that reads may raise this.
        OSError: the disk cannot.
    """

    def __init__(self, path: str, key: bytes, *, create: bool = False) -> None:
        self._descriptor, self.new = _opened(path, create=create)
        self._unwritten = b""
        try:
            # Its length first: where another begins the file meanwhile, what is there was sealed under another's salt.
            self.size = 0 if self.new else plain_size(os.fstat(self._descriptor).st_size)
            salt = self._begun()
        except BaseException:
            os.close(self._descriptor)
            raise
        self._cipher = _cipher(key, salt)
        self._number = -1
        self._block = bytearray()
        self._changed = False
        self._gathered: list[bytes] = []  # nonces and ciphertexts of blocks, in turn
        self._gathered_from = 0
        self._hurried = 0

    @property
    def reached(self) -> int:
        """How far the file was touched last, in whole blocks: who reads it from its begin has read so much."""
        return min(self.size, (self._number + 1) * BLOCK_BYTES)

    def write(self, offset: int, data: bytes) -> None:
        """Put octets at a place that lies within the file or at its end.

        Raises:
            ValueError: it lies behind the end; a file has no holes.
        """
        if offset > self.size:
            raise ValueError("a file has no holes")
        octets, done = memoryview(data), 0
        while done < len(data):
            number, begin = divmod(offset + done, BLOCK_BYTES)
            self._turn_to(number)
            part = octets[done : done + BLOCK_BYTES - begin]
            self._block[begin : begin + len(part)] = part
            self._changed = True
            done += len(part)
        self.size = max(self.size, offset + len(data))

    def seek(self, offset: int, whence: int) -> int:
        """See `dense.seek`; reading and writing say their places themselves."""
        return seek(self.size, offset, whence)

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` octets from a place; fewer at the end, none behind it."""
        parts = []
        end = min(offset + length, self.size)
        while offset < end:
            number, begin = divmod(offset, BLOCK_BYTES)
            self._turn_to(number)
            part = bytes(self._block[begin : begin + end - offset])
            if not part:
                raise Tampered("tampered.file", "a file must be as long as it says")
            parts.append(part)
            offset += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def mend(self) -> None:
        """Cut off a last block that was not written to its end: the disk was full, or the power failed."""
        number, rest = divmod(self.size, BLOCK_BYTES)
        if not rest:
            return
        try:
            self._turn_to(number)
        except Tampered:
            os.ftruncate(self._descriptor, _HEADER_BYTES + number * _STORED_BYTES)
            self._number, self._block, self.size = -1, bytearray(), number * BLOCK_BYTES

    def cut(self, size: int) -> None:
        """Shorten the file to `size` octets."""
        if size >= self.size:
            return
        number, kept = divmod(size, BLOCK_BYTES)
        rest = self.read(number * BLOCK_BYTES, kept)
        self._number, self._block, self._changed = number, bytearray(rest), bool(rest)
        self.flush()  # first: it takes the room of what is cut off
        stored = (
            _HEADER_BYTES + number * _STORED_BYTES + (_NONCE_BYTES + len(rest) + _TAG_BYTES if rest else 0)
        )
        os.ftruncate(self._descriptor, 0 if self._unwritten else stored)
        self.size = size

    def flush(self) -> None:
        """Write what is only in memory."""
        self._gather()
        if self._gathered:
            self._write_gathered()

    def hurrying(self) -> Callable[[], None]:
        """Return what has the disk begin with what was written since the last call, so that `sync` waits for less.

        It may wait for the disk: it is called once, in another thread, and the file may be closed meanwhile.
        """
        end = os.fstat(self._descriptor).st_size
        begin, self._hurried = min(self._hurried, end), end
        return partial(hurry_and_close, os.dup(self._descriptor), begin, end - begin)

    def sync(self) -> None:
        """Write what is only in memory, and have it outlast a power cut."""
        self.flush()
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Write what is only in memory and close."""
        try:
            self.flush()
        finally:
            os.close(self._descriptor)

    def _begun(self) -> bytes:
        """Return the salt; a file that is new or was never begun gets its header with the first block."""
        header = b"" if self.new else os.pread(self._descriptor, _HEADER_BYTES, 0)
        if len(header) < _HEADER_BYTES:
            header = self._unwritten = _MAGIC + os.urandom(_SALT_BYTES)
        if not header.startswith(_MAGIC):
            raise Tampered("tampered.file", "a kept file must be in the gateway's form")
        return header[len(_MAGIC) :]

    def _turn_to(self, number: int) -> None:
        if number == self._number:
            return
        if number == self._number + 1 and self._changed and len(self._gathered) < _GATHERED_PARTS:
            self._gather()
        else:
            self.flush()
        stored = self._stored(number) if number * BLOCK_BYTES < self.size else b""
        self._number, self._block = number, bytearray(stored)

    def _gather(self) -> None:
        """Seal the block if it was changed, to be written together with those before it."""
        if not self._changed:
            return
        if not self._gathered:
            self._gathered_from = self._number
        nonce = os.urandom(_NONCE_BYTES)
        self._gathered += [nonce, self._cipher.encrypt(nonce, self._block, self._number.to_bytes(8, "big"))]
        self._changed = False

    def _write_gathered(self) -> None:
        at = _HEADER_BYTES + self._gathered_from * _STORED_BYTES
        end = os.fstat(self._descriptor).st_size
        before = os.pread(self._descriptor, sum(map(len, self._gathered)), at) if at < end else b""
        try:
            # A new file begins with its first blocks, so that it is written in one go.
            _put(self._descriptor, [self._unwritten, *self._gathered], at - len(self._unwritten))
            self._unwritten = b""
        except OSError:
            # A part of a block is none, and what was there before it, which others may rely on, the disk has room for.
            # Whoever asks how much there is, to go on from there, must be told so.
            os.pwrite(self._descriptor, before, at)
            os.ftruncate(self._descriptor, end)
            self.size = plain_size(end)
            self._number, self._block = -1, bytearray()
            raise
        finally:
            self._gathered = []

    def _stored(self, number: int) -> bytes:
        at, aad = _HEADER_BYTES + number * _STORED_BYTES, number.to_bytes(8, "big")
        for _ in range(_TURNS):
            stored = os.pread(self._descriptor, _STORED_BYTES, at)
            if len(stored) <= _NONCE_BYTES + _TAG_BYTES:
                return b""
            with suppress(InvalidTag):
                return self._cipher.decrypt(stored[:_NONCE_BYTES], stored[_NONCE_BYTES:], aad)
            # Whoever lets a file grow writes its last block anew, and who reads meanwhile may get parts of both.
            time.sleep(_TURN_S)
        raise Tampered("tampered.file", "a kept file must be as it was written")


def write_whole(files: Iterable[tuple[str, bytes, bytes]]) -> None:
    """Write files at once (path, key, octets), each in the place of what may be there.

    They are durable on return, when their folders are synced too.

    Raises:
        OSError: the disk cannot; any of them may be there, or a part of it.
    """
    with ExitStack() as opened:
        descriptors = []
        for path, key, octets in files:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptors.append(os.open(path, flags, 0o600))
            opened.callback(os.close, descriptors[-1])
            _put(descriptors[-1], _sealed(key, octets), 0)
            hurry(descriptors[-1], 0, 0)
        # The disk has begun with all of them, so that waiting for the first is most of waiting for the others.
        for descriptor in descriptors:
            os.fsync(descriptor)


def _sealed(key: bytes, octets: bytes) -> list[bytes]:
    """Return a file as it stands on the disk, in parts."""
    header = _MAGIC + os.urandom(_SALT_BYTES)
    cipher = _cipher(key, header[len(_MAGIC) :])
    parts = [header]
    for number, at in enumerate(range(0, len(octets), BLOCK_BYTES)):
        nonce = os.urandom(_NONCE_BYTES)
        parts += [nonce, cipher.encrypt(nonce, octets[at : at + BLOCK_BYTES], number.to_bytes(8, "big"))]
    return parts


def plain_size(stored_bytes: int) -> int:
    """Return how much plaintext a file of so many octets on disk holds; a block that was torn counts as none."""
    blocks, rest = divmod(max(0, stored_bytes - _HEADER_BYTES), _STORED_BYTES)
    return blocks * BLOCK_BYTES + max(0, rest - _NONCE_BYTES - _TAG_BYTES)


def erase(path: str) -> None:
    """Make a file unreadable by whatever is left of it, then remove it; nothing happens when it is not there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.pwrite(descriptor, bytes(_HEADER_BYTES), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    with suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108  paths are strings here


def _opened(path: str, *, create: bool) -> tuple[int, bool]:
    """Return a descriptor, and whether the file was made."""
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    if create:
        with suppress(FileExistsError):
            return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600), True
    return os.open(path, flags), False


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt, _INFO).derive(key))


def _put(descriptor: int, parts: Sequence[bytes], at: int) -> None:
    """Write parts one behind the other, without putting them together before."""
    written = os.pwritev(descriptor, parts[:_PARTS_MAX], at)
    if written == sum(map(len, parts)):
        return
    rest = memoryview(b"".join(parts))
    while written < len(rest):  # a disk that fills up takes a part first
        written += os.pwrite(descriptor, rest[written:], at + written)
