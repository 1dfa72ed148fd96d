"""One submission by SFTP: a file and its manifest, put down as an agency's nightly job would, and the results read."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import asyncssh
import orjson

from gateway.errors import Rejected, Unavailable

LOOK_S = 0.1
PATIENCE_S = 300.0


@dataclass(slots=True)
class Drop:
    """Where an agency puts files down. `key` is a descriptor of its private key, `number` that of its last file."""

    agency: str
    port: int
    host_key: str
    key: int
    number: int = field(default=0)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[asyncssh.SFTPClient]:
        """Log in; the gateway must show the key that was pinned."""
        private = os.pread(self.key, 1 << 14, 0)
        trusted = [asyncssh.import_public_key(self.host_key)]
        async with (
            asyncssh.connect(
                "127.0.0.1",
                self.port,
                username=self.agency,
                client_keys=[asyncssh.import_private_key(private)],
                known_hosts=(trusted, [], []),
                agent_path=None,
                config=None,
            ) as connection,
            connection.start_sftp_client() as sftp,
        ):
            yield sftp


async def submit_file(
    drop: Drop, contract: str, chunks: Iterable[bytes], count: int, today: date
) -> AsyncIterator[dict[str, Any]]:
    """Put a CSV file with its manifest and yield what became of each row, the counts last.

    Raises:
        Rejected: the file was refused whole.
        Unavailable: `unavailable.gateway`; it is not answered, and goes on without us.
    """
    drop.number += 1
    name, octets = f"{drop.number:06}.csv", b"".join(chunks)
    manifest = {
        "sha256": hashlib.sha256(octets).hexdigest(), "rows": count, "number": drop.number, "file": name,
        "from": today.isoformat(), "to": today.isoformat(),
    }  # fmt: skip
    path = f"/in/{contract}/{name}"
    try:
        async with drop.connected() as sftp:
            await _put(sftp, path, octets)
            await _put(sftp, f"{path}.manifest.json", orjson.dumps(manifest))
            async with asyncio.timeout(PATIENCE_S):
                while not await sftp.exists(f"{path}.summary.json"):  # noqa: ASYNC110  on another machine
                    await asyncio.sleep(LOOK_S)
            summary = orjson.loads(await _got(sftp, f"{path}.summary.json"))
            if "received" not in summary:
                raise Rejected(summary["code"], summary["rule"], summary["field"])
            results = await _got(sftp, f"{path}.results.csv")
    except (OSError, TimeoutError, asyncssh.Error) as error:
        raise Unavailable("unavailable.gateway", "the file was not answered") from error
    for row in csv.DictReader(io.StringIO(results.decode(), newline="")):
        told = {"position": int(row["row"]), "outcome": row["outcome"], "id": row["record"]}
        yield told | ({"code": row["code"]} if row["outcome"] == "refused" else {})
    yield {"summary": summary}


async def _put(sftp: asyncssh.SFTPClient, path: str, octets: bytes) -> None:
    async with sftp.open(path, "wb") as file:
        await file.write(octets)


async def _got(sftp: asyncssh.SFTPClient, path: str) -> bytes:
    async with sftp.open(path, "rb") as file:
        octets = await file.read()
    return octets if isinstance(octets, bytes) else octets.encode()
