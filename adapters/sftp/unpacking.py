"""What a kept file holds, unpacked as it is read: as it is, or by gzip, zip or zstd, within limits against bombs.

A packed file that is larger than `RATIO_MAX` times what was read of it is not data but an attack, and refused.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import zstandard

from adapters.sftp.sealed import SealedFile
from gateway.errors import Rejected

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK_BYTES = 512 << 10
RATIO_MAX = 200
"""Registers pack to a tenth or twentieth; what unpacks to more than this was made to."""
FREE_BYTES = 16 << 20
"""What any packed file may unpack to, however small it is."""
WINDOW_MAX_BYTES = 128 << 20
"""Memory that a zstd frame may ask for (`zstd --long=27`)."""
_ZIP_END = b"PK\x05\x06"
_ZIP_END_BYTES = 22
_ZIP_DIRECTORY_MAX_BYTES = 4096


def unpacked(file: SealedFile, name: str) -> Iterator[bytes]:
    """Yield what a file holds, in chunks of at most 512 KiB; its name tells how it is packed.

    Raises:
        Rejected: `file.packed`; it cannot be unpacked, or unpacks to too much.
        Tampered: `tampered.file`.
    """
    try:
        if name.endswith(".gz"):
            yield from _bounded(_gunzipped(file), file)
        elif name.endswith(".zip"):
            yield from _bounded(_unzipped(file), file)
        elif name.endswith(".zst"):
            yield from _bounded(_unzstd(file), file)
        else:
            yield from _chunks(file)
    except (zlib.error, zipfile.BadZipFile, zstandard.ZstdError, EOFError, NotImplementedError) as error:
        raise Rejected(
            "file.packed", "must be packed as its name says, whole and without a password"
        ) from error


def inner_name(name: str) -> str:
    """Return what a file would be called unpacked."""
    for suffix in (".gz", ".zip", ".zst"):
        name = name.removesuffix(suffix)
    return name


def _chunks(file: SealedFile) -> Iterator[bytes]:
    for offset in range(0, file.size, CHUNK_BYTES):
        yield file.read(offset, CHUNK_BYTES)


def _bounded(chunks: Iterator[bytes], file: SealedFile) -> Iterator[bytes]:
    most = FREE_BYTES + RATIO_MAX * file.size
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > most:
            raise Rejected("file.packed", f"unpacks to at most {RATIO_MAX} times its size")
        yield chunk


def _gunzipped(file: SealedFile) -> Iterator[bytes]:
    """Unpack gzip (RFC 1952), of several members too, as `cat a.gz b.gz` makes them."""
    unpacker = zlib.decompressobj(wbits=31)
    for chunk in _chunks(file):
        data = chunk
        while data:
            if unpacker.eof:
                unpacker = zlib.decompressobj(wbits=31)
            yield unpacker.decompress(data, CHUNK_BYTES)
            data = unpacker.unconsumed_tail or unpacker.unused_data
    while not unpacker.eof:
        rest = unpacker.decompress(unpacker.unconsumed_tail, CHUNK_BYTES)
        if not rest:
            raise EOFError
        yield rest


def _unzstd(file: SealedFile) -> Iterator[bytes]:
    """Unpack zstd (RFC 8878)."""
    unpacker = zstandard.ZstdDecompressor(max_window_size=WINDOW_MAX_BYTES)
    with unpacker.stream_reader(io.BufferedReader(_Reader(file)), read_across_frames=True) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk


def _unzipped(file: SealedFile) -> Iterator[bytes]:
    """Unpack the one file that a zip holds."""
    # The directory is read whole by zipfile, so how large it is must be known before.
    end = file.read(max(0, file.size - _ZIP_END_BYTES), _ZIP_END_BYTES)
    size = int.from_bytes(end[12:16], "little")
    if not end.startswith(_ZIP_END) or size > _ZIP_DIRECTORY_MAX_BYTES:
        raise zipfile.BadZipFile
    with zipfile.ZipFile(io.BufferedReader(_Reader(file))) as archive:
        members = archive.infolist()
        if len(members) != 1 or members[0].flag_bits & 1:
            raise Rejected("file.packed", "a zip holds one file, without a password")
        with archive.open(members[0]) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk


class _Reader(io.RawIOBase):
    """A kept file as the libraries want to read it."""

    def __init__(self, file: SealedFile) -> None:
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        self._at = max(0, begin + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        data = self._file.read(self._at, len(view))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)
