"""Which files a command is about: a whole catalogue, a part of one, or an agency's own folder beside ours."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from contracts import folder
from contracts.errors import Unfit
from contracts.folder import PARTS, Files

_CONTRACT_STEPS = 3
_BINDING_STEPS = 4
"""Steps of `canonical/<name>/<major>` and of `agencies/<agency>/<name>/<major>`."""


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
        Unfit: naming a path that is in no catalogue.
        Invalid: for links, special files, and files or folders beyond the limits.
    """
    asked: dict[Path, list[str]] = {}
    for path in paths:
        root = _root_of(path.absolute())
        asked.setdefault(root, []).append(path.absolute().relative_to(root).as_posix())
    if not asked:
        return [Place(folder.SHIPPED, _shipped(), ())]
    return [_place(root, tuple(parts)) for root, parts in asked.items()]


def binding_files(root: Path, agency: str, contract: str) -> Files:
    """Return what is needed to load one binding, e.g. of `death.v1`, from the catalogue at `root`.

    Raises:
        Invalid: for links, special files, and files or folders beyond the limits.
    """
    event, _, major = contract.rpartition(".")
    return _place(root.absolute(), (f"agencies/{agency}/{event}/{major}",)).files


def contract_files(contract: str) -> Files:
    """Return what is needed to load one shipped contract, e.g. `death.v1`, without any binding.

    Raises:
        KeyError: listing the contracts that there are, when this is not one of them.
    """
    event, _, major = contract.rpartition(".")
    names = {_folder(file) for file in _shipped() if file.startswith("canonical/")}
    if f"canonical/{event}/{major}" not in names:
        raise KeyError(", ".join(sorted(name.removeprefix("canonical/").replace("/", ".") for name in names)))
    return _narrowed(_shipped(), (f"canonical/{event}/{major}",))


@cache
def _shipped() -> Files:
    """Return the files of the shipped catalogue, read once in a process."""
    return folder.read(folder.SHIPPED)


def _root_of(path: Path) -> Path:
    """Return the nearest folder, `path` or around it, that holds a part of a catalogue."""
    for candidate in (path, *path.parents):
        if any((candidate / part).is_dir() for part in PARTS):
            return candidate
    raise Unfit(
        f"{path.name} is in no catalogue: no folder around it holds agencies/ or canonical/",
        f"{path.name} ليس في كتالوج: لا مجلد حوله فيه agencies/ أو canonical/",
    )


def _place(root: Path, parts: tuple[str, ...]) -> Place:
    files = _with_lent(root)
    brought = tuple(part for part in PARTS if (root / part).is_dir())
    asked = brought if "." in parts else parts
    if set(PARTS) <= set(asked):
        return Place(root, files, ())
    narrow = all(_within(part, "agencies") or _within(part, "canonical") for part in asked)
    return Place(root, _narrowed(files, asked) if narrow else files, asked)


def _with_lent(root: Path) -> Files:
    """Return the files at `root`; contracts and code lists that it does not bring, the shipped catalogue lends."""
    if root == folder.SHIPPED:
        return _shipped()
    own = folder.read(root)
    if all((root / part).is_dir() for part in PARTS):
        return own
    brought = {_folder(file) for file in own} | ({"_codes"} if (root / "_codes").is_dir() else set())
    shipped = _shipped()
    lent = (file for file in shipped if not file.startswith("agencies/") and _folder(file) not in brought)
    return {**{file: shipped[file] for file in lent}, **own}


def _narrowed(files: Files, asked: tuple[str, ...]) -> Files:
    """Keep the bindings and contracts that were asked about, the contracts of those bindings, and the code lists."""
    folders = {_folder(file) for file in files}
    kept = {one for one in folders if any(_within(one, part) or _within(part, one) for part in asked)}
    kept |= {"canonical/" + "/".join(one.split("/")[2:]) for one in kept if one.startswith("agencies/")}
    return {file: files[file] for file in files if _folder(file) in kept | {"_codes"}}


def _folder(file: str) -> str:
    """Return the folder of the contract or binding that `file` is part of, or `_codes`."""
    steps = file.split("/")
    deep = {"canonical": _CONTRACT_STEPS, "agencies": _BINDING_STEPS}.get(steps[0], 1)
    return "/".join(steps[:deep])


def _within(file: str, folder_name: str) -> bool:
    return file == folder_name or file.startswith(folder_name + "/")
