"""What may stand in the YAML documents of a binding: `binding.yaml` and `mapping.yaml`."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from contracts.documents import ContractName, Document, Line, Scalar
from contracts.errors import Unfit

# -- binding.yaml

MemberName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]


class ManifestMembers(Document):
    """What the agency's manifest calls each fact; what is not named here may not stand in it."""

    sha256: MemberName
    """Over the octets of the data file as it was sent, 64 hex digits."""
    count: MemberName
    """How many records the file holds."""
    sequence: MemberName
    """Whole number from 1: the part of a batch when `total` is there, otherwise it runs on from file to file."""
    total: MemberName | None = None
    batch: MemberName | None = None
    size: MemberName | None = None
    name: MemberName | None = None
    period_from: MemberName | None = None
    period_to: MemberName | None = None

    @model_validator(mode="after")
    def _fit_together(self) -> "ManifestMembers":
        named = [name for name in self.model_dump().values() if name is not None]
        if len(set(named)) != len(named):
            raise Unfit("gives two facts the same name", "اسم واحد لمعلومتين")
        if (self.total is None) != (self.batch is None):
            raise Unfit(
                "name total and batch together: a part belongs to a batch",
                "اكتب total وbatch معًا: الجزء يتبع دفعة",
            )
        if (self.period_from is None) != (self.period_to is None):
            raise Unfit("name period_from and period_to together", "اكتب period_from وperiod_to معًا")
        return self


class ManifestDocument(Document):
    """The manifest beside a data file: a small JSON object."""

    name: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9._-]*\{file\}[A-Za-z0-9._-]*$", max_length=100)
    ]
    """What it is called, `{file}` being the whole name of the data file: `{file}.manifest.json`."""
    members: ManifestMembers
    contradicted: Literal["refuse", "report"] = "refuse"
    """What becomes of a file that has another count, size, name or period; one of another hash is refused."""


class FilesDocument(Document):
    """How files come from an agency that sends by SFTP."""

    names: Annotated[
        list[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9*][A-Za-z0-9._*-]*$", max_length=100)]],
        Field(min_length=1, max_length=5),
    ]
    """What data files are called; * stands for anything. Other files are left alone."""
    complete: Literal["rename", "stable", "manifest"]
    """A file is whole when it gets its name, when it stops growing, or when its manifest is there."""
    manifest: ManifestDocument | None = None
    """Exactly when `complete` is manifest."""

    @model_validator(mode="after")
    def _manifest_when_due(self) -> "FilesDocument":
        if (self.manifest is not None) != (self.complete == "manifest"):
            raise Unfit(
                "give a manifest exactly when complete is manifest",
                "يُكتب manifest إذا كانت قيمة complete هي manifest، ولا يُكتب في غيرها",
            )
        if self.manifest is not None and self.manifest.name == "{file}":
            raise Unfit(
                "the manifest needs another name than its file", "يجب أن يختلف اسم البيان عن اسم ملفه"
            )
        return self


class BindingDocument(Document):
    """How one agency sends, or is sent, records of one contract."""

    agency: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,30}$")]
    contract: ContractName
    title_en: Line
    title_ar: Line
    owner: Line
    transport: list[Literal["rest", "soap", "sftp"]]
    format: Literal["json", "xml", "csv"]
    media_types: Annotated[list[Line], Field(min_length=1, max_length=5)]
    encoding: Literal["utf-8", "windows-1256"]
    max_record_bytes: Annotated[int, Field(ge=256, le=1024 * 1024)]
    max_document_bytes: Annotated[int, Field(ge=256, le=64 * 1024 * 1024)]
    """For a format that is read as a whole (JSON); streams of records have no such end."""
    files: FilesDocument | None = None
    """Exactly when `transport` names sftp."""
    unused: list[Line] = Field(default_factory=list)
    """Fields of the source that the mapping leaves unread, approved; written as a mapping writes them, XML
    without prefixes."""

    @model_validator(mode="after")
    def _files_when_due(self) -> "BindingDocument":
        if (self.files is not None) != ("sftp" in self.transport):
            raise Unfit(
                "give files exactly when transport names sftp",
                "يُكتب files إذا ذُكر sftp في transport، ولا يُكتب في غيرها",
            )
        return self


# -- mapping.yaml


class Field_(Document):  # noqa: N801 - `Field` is pydantic's
    """Where a canonical field comes from and what happens to it on the way."""

    from_: Annotated[Line | list[Line] | None, Field(alias="from")] = None
    const: Scalar | None = None
    fn: list[Line] = Field(default_factory=list)
    lookup: Line | dict[str, Scalar] | None = None
    on_unknown: Literal["refuse", "review"] = "refuse"
    required: bool = False

    @model_validator(mode="after")
    def _one_origin(self) -> "Field_":
        if (self.from_ is None) == (self.const is None):
            raise Unfit("give exactly one of from and const", "اكتب واحدًا فقط من: from، const")
        if self.const is not None and (self.fn or self.lookup is not None):
            raise Unfit("a const takes no fn and no lookup", "لا يُكتب مع const شيء من: fn، lookup")
        return self


class Csv(Document):
    """How the rows of a CSV file are written."""

    delimiter: Literal[",", ";", "|", "\t"] = ","


class RecordPlace(Document):
    """Where the records stand in a submission."""

    xpath: Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z_][\w.:-]*)+$", max_length=200)] | None = None
    ns: dict[str, Line] = Field(default_factory=dict)
    csv: Csv | None = None


class MappingDocument(Document):
    """`mapping.yaml`: canonical field by canonical field, dotted."""

    record: RecordPlace = RecordPlace()
    fields: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")], Field_]
