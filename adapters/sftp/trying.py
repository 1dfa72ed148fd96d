"""Trying an agency's SFTP server as the gateway uses it: each step by itself, so that it is known which one fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import asyncssh

from adapters.sftp.client import PART, connected
from adapters.sftp.names import SUMMARY, is_answer
from gateway.errors import Unavailable
from gateway.files import Poll, SftpServer
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
STEPS_S = 60.0
"""For all that comes after the login."""
FETCHED_BYTES = 32 * 1024
"""Of a file, to see that it can be read: one answer of SFTP."""

Steps = Callable[[asyncssh.SFTPClient], AsyncIterator[Finding]]


def tried(server: SftpServer, address: str, key: bytes) -> list[Finding]:
    """Return what is found at one address of a server that we deliver to, ending with the first step that fails.

    `key` is our private key (OpenSSH, PEM). The folder is listed, and a marker put, renamed and removed in it.
    """
    marker = _marker(".part", ".txt")
    return _found(server, address, key, lambda sftp: _writing(sftp, server.folder, "the folder", marker))


def tried_fetching(poll: Poll, address: str, key: bytes) -> list[Finding]:
    """Return what is found at one address of a server that we fetch from, ending with the first step that fails.

    `key` as for `tried`. The folder is listed and the beginning of one file in it read and forgotten; where answers
    go, a marker is put, renamed and removed.
    """

    async def steps(sftp: asyncssh.SFTPClient) -> AsyncIterator[Finding]:
        async for one in _reading(sftp, poll.server.folder):
            yield one
            if one.code:
                return
        if poll.answers:
            # Named as answers are, so that it is never fetched where the same folder holds both.
            marker = _marker(SUMMARY + PART, SUMMARY)
            async for one in _writing(sftp, poll.answers, "the folder of answers", marker):
                yield one

    return _found(poll.server, address, key, steps)


def _marker(*suffixes: str) -> tuple[str, ...]:
    name = f"isnad-test-{uuid4()}"
    return tuple(name + suffix for suffix in suffixes)


def _found(server: SftpServer, address: str, key: bytes, steps: Steps) -> list[Finding]:
    return asyncio.run(_collected(replace(server, addresses=(address,)), key, steps))


async def _collected(server: SftpServer, key: bytes, steps: Steps) -> list[Finding]:
    found: list[Finding] = []
    try:
        async with connected(server, key) as remote:
            found += [Finding("the host key"), Finding(LOGIN)]
            async with asyncio.timeout(STEPS_S):
                async for one in steps(remote.sftp):
                    found.append(one)
    except Unavailable as error:
        cause = error.__cause__
        if isinstance(cause, asyncssh.PermissionDenied):
            found.append(Finding("the host key"))
        code = next((code for kind, code in _FAILED.items() if isinstance(cause, kind)), "endpoint.ssh")
        found.append(Finding(_ABOUT.get(code, "SSH"), code))
    return found


_ABOUT = {"endpoint.host_key": "the host key", "endpoint.refuses_key": LOGIN, "endpoint.sftp": "SFTP"}


async def _writing(
    sftp: asyncssh.SFTPClient, folder: str, called: str, marker: Sequence[str]
) -> AsyncIterator[Finding]:
    """List a folder, put a marker into it under the first name, rename it to the second, and remove it."""
    first, second = (f"{folder}/{name}" for name in marker)
    steps: list[tuple[str, Callable[[], Awaitable[object]]]] = [
        (f"listing {called}", lambda: sftp.listdir(folder)),
        (f"writing into {called}", lambda: _written(sftp, first)),
        (f"renaming in {called}", lambda: sftp.rename(first, second)),
        (f"removing from {called}", lambda: sftp.remove(second)),
    ]
    for about, step in steps:
        try:
            done = await step()
        except asyncssh.SFTPError as error:
            yield Finding(about, _code(error), folder)
            return
        yield Finding(about)
        if isinstance(done, datetime):
            yield clock("the clock", done)


async def _reading(sftp: asyncssh.SFTPClient, folder: str) -> AsyncIterator[Finding]:
    """List a folder, and read the beginning of a file in it if there is one."""
    about = "listing the folder"
    try:
        name = await anext((str(each.filename) async for each in sftp.scandir(folder) if _is_file(each)), "")
    except asyncssh.SFTPError as error:
        yield Finding(about, _code(error), folder)
        return
    yield Finding(about)
    about = "fetching from the folder"
    if not name:
        yield Finding(about, detail="there is no file to fetch now")
        return
    try:
        async with sftp.open(f"{folder}/{name}", "rb") as file:
            await file.read(FETCHED_BYTES)
    except asyncssh.SFTPError:
        yield Finding(about, "endpoint.file_forbidden", folder)
        return
    yield Finding(about)


def _is_file(each: asyncssh.SFTPName) -> bool:
    """Return whether it may be one of the agency's files: neither a folder nor an answer of ours."""
    regular = each.attrs.type in (asyncssh.FILEXFER_TYPE_REGULAR, asyncssh.FILEXFER_TYPE_UNKNOWN)
    return regular and not is_answer(str(each.filename))


def _code(error: asyncssh.SFTPError) -> str:
    absent = isinstance(error, asyncssh.SFTPNoSuchFile | asyncssh.SFTPNoSuchPath)
    return "endpoint.folder" if absent else "endpoint.folder_forbidden"


async def _written(sftp: asyncssh.SFTPClient, path: str) -> datetime:
    """Put the marker and return when the server says that was."""
    async with sftp.open(path, "w") as file:
        await file.write(MARKER)
    changed_s = (await sftp.stat(path)).mtime or 0
    return datetime.fromtimestamp(changed_s, UTC)
