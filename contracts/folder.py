"""Read a catalogue's folders into memory once, within limits; everything after works on these octets.

Because no later step opens a file, no contract, mapping or schema can reach outside its folder.
"""

import hashlib
import os
import stat
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.composer import Composer

from contracts import document_texts
from contracts.errors import Invalid, Problem, Unfit

MISSING_AR = "الملف غير موجود"

Files = Mapping[str, bytes]
"""Every file of a catalogue: path relative to its root, and octets."""


class Complain(Protocol):
    """Takes what is wrong with the folder at hand."""

    def __call__(self, file: str, where: str, rule: str, message: str, message_ar: str, /) -> None:
        """Take file (within the folder), place, rule and message, the last in English and Arabic."""


_Model = TypeVar("_Model", bound=BaseModel)

SHIPPED = Path(__file__).parent
"""The catalogue that comes with the gateway."""

PARTS = ("_codes", "agencies", "canonical")
"""The folders of a catalogue that hold data."""

_MAX_FILE_BYTES = 1024 * 1024
_MAX_FILES = 5_000
_MAX_TOTAL_BYTES = 64 * 1024 * 1024
"""Of one agency, or of all that belongs to none: nobody's files leave less room for those of others."""
_MAX_YAML_DEPTH = 20


def read(root: Path) -> dict[str, bytes]:
    """Return every file of the catalogue at `root`: path relative to it, with `/`, and octets; sorted.

    Raises:
        Invalid: for links, special files, and files or folders beyond the limits.
    """
    files, problems = look(root)
    if problems:
        raise Invalid(tuple(problems))
    return files


def agency_of(file: str) -> str:
    """Return the agency whose folder holds a file of a catalogue, or nothing."""
    part, _, rest = file.partition("/")
    return rest.partition("/")[0] if part == "agencies" else ""


def look(root: Path) -> tuple[dict[str, bytes], list[Problem]]:
    """Return the files of the catalogue at `root`, as `read` does, and what is wrong with all others."""
    files: dict[str, bytes] = {}
    problems: list[Problem] = []
    taken: dict[str, tuple[int, int]] = {}
    for part in PARTS:
        for folder, folders, names in os.walk(root / part, followlinks=False):
            for name in sorted(names + [name for name in folders if (Path(folder) / name).is_symlink()]):
                path = Path(folder) / name
                relative = path.relative_to(root).as_posix()
                try:
                    status = path.lstat()
                    count, total = taken.get(agency_of(relative), (0, 0))
                    count, total = taken[agency_of(relative)] = count + 1, total + status.st_size
                    wrong = _wrong_with(status, count, total)
                    if not wrong:
                        files[relative] = path.read_bytes()
                except OSError:
                    wrong = _UNREADABLE
                if wrong:
                    problems.append(Problem(relative, "", "catalogue.file", *wrong))
    return dict(sorted(files.items())), problems


_UNREADABLE = (
    "cannot be read, or went away meanwhile; look at its permissions and try again",
    "تعذرت قراءة الملف أو اختفى أثناءها؛ راجع صلاحياته وأعد المحاولة",
)


def _wrong_with(status: os.stat_result, count: int, total: int) -> tuple[str, str] | None:
    """Return what is wrong with a file, in English and Arabic."""
    if not stat.S_ISREG(status.st_mode):
        return (
            "is a link or a special file; put a copy of the file here",
            "رابط أو ملف خاص؛ ضع نسخة من الملف هنا",
        )
    if status.st_size > _MAX_FILE_BYTES:
        return (
            f"is larger than {_MAX_FILE_BYTES} bytes; shorten it",
            f"أكبر من {_MAX_FILE_BYTES} بايت؛ اختصره",
        )
    if count > _MAX_FILES or total > _MAX_TOTAL_BYTES:
        return (
            f"is one too many: an agency has at most {_MAX_FILES} files and {_MAX_TOTAL_BYTES} bytes",
            f"زائد عن الحد: للجهة {_MAX_FILES} ملف و{_MAX_TOTAL_BYTES} بايت على الأكثر",
        )
    return None


def digest(files: Files) -> str:
    """Return the SHA-256, in hex, over all names and octets, each preceded by its length as u64be."""
    hasher = hashlib.sha256(b"isnad-catalogue/v1\0")
    for name, octets in sorted(files.items()):
        for part in (name.encode(), octets):
            hasher.update(len(part).to_bytes(8, "big"))
            hasher.update(part)
    return hasher.hexdigest()


class _StrictLoader(Composer, yaml.CSafeLoader):
    """YAML without anchors, duplicate keys, dates and deep nesting: what it says is what a reader sees.

    Read by libyaml, which takes a sixth of the time; PyYAML's own composer goes before libyaml's, to be looked over.
    """

    depth = 0

    def __init__(self, stream: str) -> None:
        yaml.CSafeLoader.__init__(self, stream)
        Composer.__init__(self)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise Unfit(
                "anchors and aliases are not allowed; write the text out",
                "المراسي والإشارات إليها غير مسموحة؛ اكتب النص في موضعه",
            )
        self.depth += 1
        if self.depth > _MAX_YAML_DEPTH:
            raise Unfit(
                f"nested more than {_MAX_YAML_DEPTH} levels deep",
                f"مستويات متداخلة أكثر من {_MAX_YAML_DEPTH}",
            )
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:  # noqa: FBT001, FBT002 - PyYAML's signature
        keys = [key.value for key, _ in node.value]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise Unfit(
                f"the key {twice[0]!r} occurs twice in one mapping", f"المفتاح {twice[0]} مكرر في موضع واحد"
            )
        return super().construct_mapping(node, deep)


# A date stays the text that was written; the schema of the document says what it must look like.
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@lru_cache(maxsize=2048)
def yaml_document(octets: bytes) -> object:
    """Return the value of one YAML document, which is not to be changed: a reload shares what stayed the same.

    Raises:
        Unfit: with a message for the person who edits the file.
    """
    try:
        return yaml.load(octets.decode("utf-8"), Loader=_StrictLoader)  # noqa: S506 - a subclass of CSafeLoader
    except UnicodeDecodeError:
        raise Unfit("is not UTF-8", "الملف ليس بترميز UTF-8") from None
    except Unfit as problem:
        raise Unfit(f"is not acceptable YAML: {problem}", f"ليس YAML مقبولًا: {problem.ar}") from None
    except (yaml.YAMLError, RecursionError) as problem:
        mark = getattr(problem, "problem_mark", None)
        line = f" عند السطر {mark.line + 1}" if mark else ""
        raise Unfit(
            f"is not acceptable YAML: {problem}", f"ليس YAML مقبولًا: صياغته غير سليمة{line}"
        ) from None


def yaml_model(kind: type[_Model], files: Files, folder: str, file: str, complain: Complain) -> _Model | None:
    """Read `folder/file` as a YAML document of `kind`; complain and return None when it is not one."""
    octets = files.get(f"{folder}/{file}")
    if octets is None:
        complain(file, "", "catalogue.missing", "is missing", MISSING_AR)
        return None
    try:
        value = yaml_document(octets)
    except Unfit as problem:
        complain(file, "", "catalogue.yaml", str(problem), problem.ar)
        return None
    return model(kind, value, file, "", complain)


def model(kind: type[_Model], value: object, file: str, prefix: str, complain: Complain) -> _Model | None:
    """Return `value` as a document of `kind`; complain and return None when it is not one."""
    try:
        return kind.model_validate(value, by_alias=True, strict=False)
    except ValidationError as problem:
        for error in problem.errors(include_url=False, include_input=False):
            where = prefix + ".".join(str(step) for step in error["loc"])
            complain(file, where, "catalogue.document", error["msg"], document_texts.in_arabic(error))
        return None
