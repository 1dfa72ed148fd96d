"""What packed files hold, and what is not unpacked: bombs, passwords, two files in one, half of one."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import zipfile

import pytest
import zstandard

from adapters.sftp.sealed import SealedFile
from adapters.sftp.unpacking import CHUNK_BYTES, FREE_BYTES, inner_name, unpacked
from gateway.errors import Rejected

CONTENT = os.urandom(700_000) + b"row\r\n" * 300_000


def kept(tmp_path, octets: bytes) -> SealedFile:
    path = tmp_path / "kept"
    path.unlink(missing_ok=True)
    file = SealedFile(str(path), b"k" * 32, create=True)
    file.write(0, octets)
    return file


def zipped(octets: bytes, *names: str, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name in names:
            archive.writestr(name, octets)
    return buffer.getvalue()


PACKED = {
    "plain.csv": CONTENT,
    "one.csv.gz": gzip.compress(CONTENT),
    "members.csv.gz": gzip.compress(CONTENT[:1000]) + gzip.compress(CONTENT[1000:]),
    "one.csv.zst": zstandard.compress(CONTENT),
    "frames.csv.zst": zstandard.compress(CONTENT[:1000]) + zstandard.compress(CONTENT[1000:]),
    "one.csv.zip": zipped(CONTENT, "ملف.csv"),
    "stored.csv.zip": zipped(CONTENT, "a.csv", method=zipfile.ZIP_STORED),
    "empty.csv.gz": gzip.compress(b""),
    "empty.csv.zst": zstandard.compress(b""),
}


@pytest.mark.parametrize("name", PACKED)
def test_a_packed_file_is_unpacked_in_bounded_chunks(tmp_path, name):
    chunks = list(unpacked(kept(tmp_path, PACKED[name]), name))
    assert b"".join(chunks) == (b"" if name.startswith("empty") else CONTENT)
    assert max(map(len, chunks), default=0) <= CHUNK_BYTES


def with_password() -> bytes:
    packed = bytearray(zipped(b"secret", "a.csv"))
    packed[6] |= 1  # the general purpose flag of the local header (APPNOTE 4.4.4) ...
    packed[packed.index(b"PK\x01\x02") + 8] |= 1  # ... and of the directory: encrypted
    return bytes(packed)


REFUSED = {
    "cut.csv.gz": gzip.compress(CONTENT)[:-20],
    "none.csv.gz": b"",
    "text.csv.gz": b"REF;ACTION\n",
    "trailing.csv.gz": gzip.compress(b"x") + b"trailing",
    "text.csv.zst": b"REF;ACTION\n",
    "two.csv.zip": zipped(b"x", "a.csv", "b.csv"),
    "text.csv.zip": b"REF;ACTION\n" * 100,
    "cut.csv.zip": zipped(CONTENT, "a.csv")[:-30],
    "gzip-bomb.csv.gz": gzip.compress(bytes(64 << 20)),
    "zstd-bomb.csv.zst": zstandard.compress(bytes(64 << 20)),
    "zip-bomb.csv.zip": zipped(bytes(64 << 20), "a.csv"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_unpacked_or_unpacks_to_too_much_is_refused(tmp_path, name):
    octets, total = REFUSED[name], 0
    with pytest.raises(Rejected) as refused:  # noqa: PT012  it may hold something before
        for chunk in unpacked(kept(tmp_path, octets), name):
            total += len(chunk)
    assert refused.value.code == "file.packed"
    assert total <= FREE_BYTES + 200 * len(octets)


def test_a_zip_with_a_password_is_refused(tmp_path):
    with pytest.raises(Rejected, match=r"file\.packed"):
        list(unpacked(kept(tmp_path, with_password()), "a.zip"))


def test_a_zip_of_very_many_files_costs_no_memory(tmp_path):
    """Its directory alone would be megabytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{number}", b"")
    with pytest.raises(Rejected, match=r"file\.packed"):
        list(unpacked(kept(tmp_path, buffer.getvalue()), "many.csv.zip"))


def test_what_the_command_line_packs_is_unpacked(tmp_path):
    packed = subprocess.run(["gzip", "-9"], input=CONTENT, capture_output=True, check=True).stdout
    assert b"".join(unpacked(kept(tmp_path, packed), "x.csv.gz")) == CONTENT


def test_a_name_without_its_packing_is_what_it_holds():
    assert [inner_name(name) for name in ("a.csv", "a.csv.gz", "a.xml.zst", "a.zip")] == [
        "a.csv",
        "a.csv",
        "a.xml",
        "a",
    ]
