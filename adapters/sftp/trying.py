"""Trying an agency's SFTP server as deliveries use it: each step by itself, so that it is known which one fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import asyncssh

from adapters.sftp.client import connected
from gateway.errors import Unavailable
from gateway.files import SftpServer
from gateway.onboarding.finding import Finding, clock

MARKER = "This file tests a connection and may be removed.\nهذا الملف لاختبار الاتصال ويمكن حذفه.\n"  # noqa: RUF001  Arabic
_FAILED: dict[type[BaseException], str] = {
    asyncssh.HostKeyNotVerifiable: "endpoint.host_key",
    asyncssh.KeyExchangeFailed: "endpoint.algorithms",
    asyncssh.PermissionDenied: "endpoint.refuses_key",
    asyncssh.ChannelOpenError: "endpoint.sftp",
    asyncssh.SFTPError: "endpoint.sftp",
    TimeoutError: "endpoint.slow",
}
LOGIN = "the login"


def tried(server: SftpServer, address: str, key: bytes | None) -> list[Finding]:
    """Return what is found at one address of a server that listens, ending with the first step that fails.

    `key` is our private key (OpenSSH, PEM); without it nothing is tried after the host key.
    """
    return asyncio.run(_collected(replace(server, addresses=(address,)), key))


async def _collected(server: SftpServer, key: bytes | None) -> list[Finding]:
    found: list[Finding] = []
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key()
    try:
        async with connected(server, key or stranger) as remote:
            found += [Finding("the host key"), Finding(LOGIN)]
            async for one in _folder(remote.sftp, server.folder):
                found.append(one)
    except Unavailable as error:
        cause = error.__cause__
        if isinstance(cause, asyncssh.PermissionDenied):
            found.append(Finding("the host key"))
            if key is None:
                return found  # whose key it is that is let in is the intake's own to know
        code = next((code for kind, code in _FAILED.items() if isinstance(cause, kind)), "endpoint.ssh")
        found.append(Finding(_ABOUT.get(code, "SSH"), code))
    return found


_ABOUT = {"endpoint.host_key": "the host key", "endpoint.refuses_key": LOGIN, "endpoint.sftp": "SFTP"}


async def _folder(sftp: asyncssh.SFTPClient, folder: str) -> AsyncIterator[Finding]:
    """List a folder, and put, rename and remove a marker in it."""
    first, second = (f"{folder}/isnad-test-{uuid4()}{suffix}" for suffix in (".part", ".txt"))
    steps: list[tuple[str, Callable[[], Awaitable[object]]]] = [
        ("listing the folder", lambda: sftp.listdir(folder)),
        ("writing into the folder", lambda: _written(sftp, first)),
        ("renaming in the folder", lambda: sftp.rename(first, second)),
        ("removing from the folder", lambda: sftp.remove(second)),
    ]
    for about, step in steps:
        try:
            done = await step()
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            yield Finding(about, "endpoint.folder", folder)
            return
        except asyncssh.SFTPError:
            yield Finding(about, "endpoint.folder_forbidden", folder)
            return
        yield Finding(about)
        if isinstance(done, datetime):
            yield clock("the clock", done)


async def _written(sftp: asyncssh.SFTPClient, path: str) -> datetime:
    """Put the marker and return when the server says that was."""
    async with sftp.open(path, "w") as file:
        await file.write(MARKER)
    changed_s = (await sftp.stat(path)).mtime or 0
    return datetime.fromtimestamp(changed_s, UTC)
