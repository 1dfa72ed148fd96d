"""Which files a command is about: a whole catalogue, a part of one, or an agency's own folder laid over ours."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from contracts import folder
from contracts.folder import PARTS, Files


@dataclass(frozen=True, slots=True)
class Place:
    """A catalogue, and the part of it that was asked about."""

    root: Path
    """Folder that the names of `files` are relative to; files of the shipped catalogue may lie elsewhere."""
    files: Files
    """What is needed to judge the part; other agencies' folders are not in it, so they cannot disturb."""
    asked: tuple[str, ...]
    """Folders or files, relative to the root, without a `/` at the end; empty when everything is."""

    def asks(self, file: str) -> bool:
        """Whether `file`, relative to the root, belongs to the part that was asked about."""
        return not self.asked or any(_within(file, one) for one in self.asked)


def places(paths: Iterable[Path]) -> list[Place]:
    """Return the catalogues that `paths` lie in, each once; without paths the shipped one.

    Raises:
        ValueError: naming a path that is in no catalogue.
        Invalid: for links, special files, and files or folders beyond the limits.
    """
    asked: dict[Path, list[str]] = {}
    for path in paths:
        root = root_of(path.absolute())
        asked.setdefault(root, []).append(path.absolute().relative_to(root).as_posix())
    if not asked:
        return [Place(folder.SHIPPED, folder.read(folder.SHIPPED), ())]
    return [_place(root, tuple(parts)) for root, parts in asked.items()]


def root_of(path: Path) -> Path:
    """Return the nearest folder, `path` or around it, that holds a part of a catalogue.

    Raises:
        ValueError: when there is none.
    """
    for candidate in (path, *path.parents):
        if any((candidate / part).is_dir() for part in PARTS):
            return candidate
    raise ValueError(f"{path.name} is in no catalogue: no folder around it holds agencies/ or canonical/")


def whole(root: Path) -> Files:
    """Return the files of the catalogue at `root`; what it does not bring itself, the shipped one lends."""
    own = folder.read(root)
    lent = () if root == folder.SHIPPED else tuple(part for part in PARTS if not (root / part).is_dir())
    if not lent:
        return own
    shipped = folder.read(folder.SHIPPED)
    return {**{file: shipped[file] for file in shipped if file.startswith(lent)}, **own}


def binding_files(root: Path, agency: str, contract: str) -> Files:
    """Return what is needed to load one binding, e.g. of `death.v1`, from the catalogue at `root`.

    Raises:
        Invalid: for links, special files, and files or folders beyond the limits.
    """
    event, _, major = contract.rpartition(".")
    return _place(root.absolute(), (f"agencies/{agency}/{event}/{major}",)).files


def _place(root: Path, parts: tuple[str, ...]) -> Place:
    files = whole(root)
    asked = () if "." in parts else parts
    if not asked or not all(_within(part, "agencies") and "/" in part for part in asked):
        return Place(root, files, asked)
    return Place(root, {file: files[file] for file in files if _needed(file, files, asked)}, asked)


def _needed(file: str, files: Files, asked: tuple[str, ...]) -> bool:
    """Keep the bindings that were asked about, their contracts, and the code lists."""
    area, *steps = file.split("/")
    if area == "agencies":
        return any(_within(file, one) or _within(one, "/".join(file.split("/")[:4])) for one in asked)
    if area == "canonical":
        return any(_binds(other, steps, asked) for other in files if other.startswith("agencies/"))
    return True


def _binds(other: str, contract: list[str], asked: tuple[str, ...]) -> bool:
    """Whether `other` is a file of a binding, asked about, of the contract whose file has these steps."""
    steps = other.split("/")
    return steps[2:4] == contract[:2] and any(
        _within(other, one) or _within(one, "/".join(steps[:4])) for one in asked
    )


def _within(file: str, folder_name: str) -> bool:
    return file == folder_name or file.startswith(folder_name + "/")
