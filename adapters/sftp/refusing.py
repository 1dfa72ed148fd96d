"""An SFTP server (draft-ietf-secsh-filexfer-02, version 3) that refuses every operation.

Sessions allow by overriding. What asyncssh would do by itself is done to the machine's own file system, so nothing of
it may be left: a test holds the list against asyncssh's.
"""

# ruff: noqa: ARG002  the protocol hands over more than a refusal needs
from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from typing import NoReturn

from asyncssh import SFTPAttrs, SFTPName, SFTPNoSuchFile, SFTPOpUnsupported, SFTPPermissionDenied, SFTPServer
from asyncssh.misc import MaybeAwait

Stat = MaybeAwait[SFTPAttrs]


class Refusing(SFTPServer):
    """See the module."""

    def open(self, path: bytes, pflags: int, attrs: SFTPAttrs) -> MaybeAwait[object]:
        """Refuse."""
        raise SFTPPermissionDenied("not here")

    def open56(self, path: bytes, desired_access: int, flags: int, attrs: SFTPAttrs) -> NoReturn:
        """Refuse: this is version 3, as all clients speak it."""
        raise SFTPOpUnsupported("version 3")

    def close(self, file_obj: object) -> MaybeAwait[None]:
        """Nothing is open."""

    def exit(self) -> MaybeAwait[None]:
        """Nothing is open."""

    def read(self, file_obj: object, offset: int, size: int) -> MaybeAwait[bytes]:
        """Refuse."""
        raise SFTPPermissionDenied("not here")

    def write(self, file_obj: object, offset: int, data: bytes) -> MaybeAwait[int]:
        """Refuse."""
        raise SFTPPermissionDenied("nothing is written here")

    def fsync(self, file_obj: object) -> MaybeAwait[None]:
        """Nothing waits."""

    def realpath(self, path: bytes) -> MaybeAwait[bytes]:
        """Refuse."""
        raise SFTPNoSuchFile("no such place")

    def stat(self, path: bytes) -> Stat:
        """Refuse."""
        raise SFTPNoSuchFile("no such place")

    def lstat(self, path: bytes) -> Stat:
        """There are no links, so as `stat`."""
        return self.stat(path)

    def fstat(self, file_obj: object) -> Stat:
        """Refuse."""
        raise SFTPPermissionDenied("not here")

    async def scandir(self, path: bytes) -> AsyncIterator[SFTPName]:
        """Refuse."""
        raise SFTPNoSuchFile("no such folder")
        yield SFTPName(b"")  # what makes it an iterator

    def format_longname(self, name: SFTPName) -> None:
        """Write the line that `ls -l` shows; the names of users and groups are nobody's business."""
        attrs = name.attrs
        shown = stat.filemode(attrs.permissions or 0)
        line = f"{shown} 1 agency agency {attrs.size or 0:>12} {attrs.mtime or 0:>11} ".encode()
        name.longname = line + (name.filename.encode() if isinstance(name.filename, str) else name.filename)

    def setstat(self, path: bytes, attrs: SFTPAttrs) -> MaybeAwait[None]:
        """Refuse."""
        raise SFTPPermissionDenied("nothing is changed here")

    def lsetstat(self, path: bytes, attrs: SFTPAttrs) -> MaybeAwait[None]:
        """There are no links, so as `setstat`."""
        return self.setstat(path, attrs)

    def fsetstat(self, file_obj: object, attrs: SFTPAttrs) -> MaybeAwait[None]:
        """Refuse."""
        raise SFTPPermissionDenied("nothing is changed here")

    def rename(self, oldpath: bytes, newpath: bytes) -> MaybeAwait[None]:
        """Refuse."""
        raise SFTPPermissionDenied("nothing is renamed here")

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> MaybeAwait[None]:
        """As `rename`: nothing is replaced."""
        return self.rename(oldpath, newpath)

    def remove(self, path: bytes) -> MaybeAwait[None]:
        """Refuse."""
        raise SFTPPermissionDenied("nothing is removed here")

    def mkdir(self, path: bytes, attrs: SFTPAttrs) -> MaybeAwait[None]:
        """Refuse."""
        raise SFTPPermissionDenied("the gateway makes the folders")

    def rmdir(self, path: bytes) -> NoReturn:
        """Refuse."""
        raise SFTPPermissionDenied("the gateway makes the folders")

    def readlink(self, path: bytes) -> NoReturn:
        """Refuse: there are no links."""
        raise SFTPNoSuchFile("there are no links")

    def symlink(self, oldpath: bytes, newpath: bytes) -> NoReturn:
        """Refuse."""
        raise SFTPOpUnsupported("there are no links")

    def link(self, oldpath: bytes, newpath: bytes) -> NoReturn:
        """Refuse."""
        raise SFTPOpUnsupported("there are no links")

    def lock(self, file_obj: object, offset: int, length: int, flags: int) -> NoReturn:
        """Refuse."""
        raise SFTPOpUnsupported("there are no locks")

    def unlock(self, file_obj: object, offset: int, length: int) -> NoReturn:
        """Refuse."""
        raise SFTPOpUnsupported("there are no locks")

    def statvfs(self, path: bytes) -> NoReturn:
        """Refuse: how large the disk is concerns nobody."""
        raise SFTPOpUnsupported("not told")

    def fstatvfs(self, file_obj: object) -> NoReturn:
        """Refuse."""
        raise SFTPOpUnsupported("not told")

    def map_path(self, path: bytes) -> NoReturn:
        """Refuse: nothing here may reach the machine's own paths."""
        raise SFTPOpUnsupported("there is no such path")

    def reverse_map_path(self, path: bytes) -> NoReturn:
        """Refuse."""
        raise SFTPOpUnsupported("there is no such path")
