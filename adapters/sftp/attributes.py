"""What a client is told of files and folders: size, kind and times, and nothing of the machine's users."""

from __future__ import annotations

import stat

from asyncssh import FILEXFER_TYPE_DIRECTORY, FILEXFER_TYPE_REGULAR, SFTPAttrs, SFTPPermissionDenied

from adapters.sftp.names import is_answer
from adapters.sftp.tree import Lying

_FOLDER = stat.S_IFDIR | 0o750
_KEPT = stat.S_IFREG | 0o440
_OWN = stat.S_IFREG | 0o640


def same_size(attrs: SFTPAttrs, size: int) -> None:
    """Refuse to make a file longer or shorter than it is."""
    if attrs.size is not None and attrs.size != size:
        raise SFTPPermissionDenied("a file is as long as what was written")


def of_folder() -> SFTPAttrs:
    """Return what every folder looks like."""
    return SFTPAttrs(
        type=FILEXFER_TYPE_DIRECTORY, size=0, permissions=_FOLDER, uid=0, gid=0, atime=0, mtime=0
    )


def of_open(size: int) -> SFTPAttrs:
    """Return what an open file looks like."""
    return SFTPAttrs(type=FILEXFER_TYPE_REGULAR, size=size, permissions=_OWN)


def described(lying: Lying) -> SFTPAttrs:
    """Return what a file looks like: what is answered is only read."""
    return SFTPAttrs(
        type=FILEXFER_TYPE_REGULAR,
        size=lying.size,
        permissions=_KEPT if is_answer(lying.name) else _OWN,
        uid=0,
        gid=0,
        atime=lying.changed_s,
        mtime=lying.changed_s,
    )
