"""Which files belong together: a data file, its manifest, and the signature over the one or the other."""

from __future__ import annotations

from adapters.sftp.names import SIGNATURE
from gateway.files import Folder


def is_temporary(folder: Folder, name: str) -> bool:
    """Return whether a name says nothing yet: the file's own comes by renaming."""
    return folder.rules.complete == "rename" and not folder.rules.takes(name) and not name.endswith(SIGNATURE)


def relatives(folder: Folder, name: str) -> set[str]:
    """Return the names of the data files that a file may belong to, or be, and of what belongs to those."""
    manifest = folder.rules.manifest
    data = {name, name.removesuffix(SIGNATURE)}
    if manifest is not None:
        data |= {manifest.file_of(each) for each in data}
    return data.union(*(companions(folder, each) for each in data))


def companions(folder: Folder, name: str) -> list[str]:
    """Return the names of what belongs to a data file: its manifest, and the signature over the one or the other."""
    manifest = folder.rules.manifest
    if manifest is None:
        return [name + SIGNATURE]
    return [manifest.name_for(name), manifest.name_for(name) + SIGNATURE]
