"""Disks that are told early what they will have to keep, so that whoever waits for them at the end waits for less."""

from __future__ import annotations

import os


def hurry(descriptor: int, begin: int, length: int) -> None:
    """Have the disk begin with a part of a file, or with all from there on when the length is 0; it may wait."""
    # Linux begins to write what is told not to be needed, and keeps it until it is written.
    os.posix_fadvise(descriptor, begin, length, os.POSIX_FADV_DONTNEED)


def hurry_and_close(descriptor: int, begin: int, length: int) -> None:
    """The same, with a descriptor that nobody else uses."""
    try:
        hurry(descriptor, begin, length)
    finally:
        os.close(descriptor)
