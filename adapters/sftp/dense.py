"""Files without holes, for clients that ask where a file's data is before they read it, as asyncssh's does."""

from __future__ import annotations

import errno
import os


def seek(size: int, offset: int, whence: int) -> int:
    """Return where data (`os.SEEK_DATA`) or a hole (`os.SEEK_HOLE`) begins at or behind a place: lseek(2).

    Raises:
        OSError: `ENXIO`; the place is behind the end.
    """
    if offset >= size:
        raise OSError(errno.ENXIO, "behind the end")
    return size if whence == os.SEEK_HOLE else offset
