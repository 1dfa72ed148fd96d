"""What an agency's octets say: parse one record in its format and hold it against the agency's own schema."""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass

from contracts import schema_lint, strict_json, typed_csv, typed_xml
from contracts.binding_documents import MappingDocument
from contracts.errors import Refused, Unfit
from contracts.framing import CsvSplitter, JsonSplitter, NdjsonSplitter, Splitter
from contracts.schemas import Schema, compile_schema
from contracts.typed_json import typed_reader
from contracts.xml_framing import XmlSplitter
from contracts.xml_source import XmlSchema, element, record_parser, tree

Node = dict[str, object]

FRAMINGS = {
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/xml": "xml",
    "text/xml": "xml",
    "text/csv": "csv",
}
"""Media type → how a submission of that type holds its records."""


@dataclass(frozen=True, slots=True)
class Source:
    """The compiled source side of a binding."""

    read: Callable[[bytes], Node]
    """Parse and validate one record's octets; raises Refused."""
    splitter: Callable[[str, int, int], Splitter]
    """Takes framing, max_record_bytes, max_document_bytes."""
    steps: Callable[[str], tuple[str, ...]]
    """Turn a path of the mapping into the names on the way; raises ValueError when there is none."""
    schema: Schema | None
    """JSON Schema of a record where the format has one (JSON, CSV)."""
    record_path: tuple[str, ...] = ()
    """XML only: qualified names (`{namespace}local`) from the root of a document to its records."""


# -- JSON


def json_source(schema: Schema) -> Source:
    """Compile a source whose records are JSON objects.

    Raises:
        Unfit: for a schema that is not acceptable.
    """
    wrong = schema_lint.problems(schema)
    if wrong:
        raise schema_lint.unfit(wrong)
    checker = compile_schema(schema)
    is_valid = checker.is_valid
    names = schema_lint.names(schema)

    def read_exactly(octets: bytes) -> Node:
        record = strict_json.parse(octets, names)
        if not is_valid(record):
            raise checker.refusal(record)
        return record

    def splitter(framing: str, max_record_bytes: int, max_document_bytes: int) -> Splitter:
        if framing == "ndjson":
            return NdjsonSplitter(max_record_bytes)
        return JsonSplitter(max_record_bytes, max_document_bytes)

    return Source(
        typed_reader(schema, read_exactly), splitter, lambda path: _json_steps(schema, path), schema
    )


def _json_steps(schema: Schema, path: str) -> tuple[str, ...]:
    names = tuple(path.split("."))
    node: object = schema
    for name in names:
        members = schema_lint.properties(schema, node)
        if name not in members:
            raise Unfit(f"the source schema has no field {path!r}", f"لا يوجد في مخطط الجهة حقل باسم {path}")
        node = members[name]
    return names


# -- CSV

_PLAIN_ROW = 8192
"""Longest row, in characters, that is simply cut: far below the limit that csv has for one cell."""


def csv_source(columns: bytes, delimiter: str, encoding: str) -> Source:
    """Compile a source whose records are rows; `columns` is `columns.csv`.

    Raises:
        Unfit: for a table of columns that is not acceptable.
    """
    cells, required = _columns(columns)
    names = list(cells)
    schema = {
        "type": "object",
        "properties": cells,
        "required": required,
        "additionalProperties": False,
    }
    wrong = schema_lint.problems(schema)
    if wrong:
        raise schema_lint.unfit(wrong)
    checker = compile_schema(schema)
    is_valid, count = checker.is_valid, len(names)
    header = _header(names, delimiter, encoding)

    def read_exactly(octets: bytes) -> Node:
        row = _cells(octets, delimiter, encoding)
        if len(row) != count:
            raise Refused("record.csv.columns", "", f"{count} cells in each row")
        record: Node = {name: cell for name, cell in zip(names, row, strict=True) if cell}
        if not is_valid(record):
            refused = checker.refusal(record)
            raise refused.at(refused.field.removeprefix("/"))
        return record

    def steps(path: str) -> tuple[str, ...]:
        if path not in names:
            raise Unfit(f"there is no column {path!r}", f"لا يوجد عمود باسم {path}")
        return (path,)

    read = typed_csv.typed_reader(cells, set(required), (delimiter, encoding), read_exactly)
    return Source(read, lambda _framing, record, _document: CsvSplitter(record, header), steps, schema)


def _header(names: list[str], delimiter: str, encoding: str) -> bytes:
    try:
        return delimiter.join(names).encode(encoding)
    except UnicodeEncodeError:
        raise Unfit(
            f"has a column name that {encoding} cannot write", f"فيه اسم عمود لا يُكتب بترميز {encoding}"
        ) from None


def _cells(octets: bytes, delimiter: str, encoding: str) -> list[str]:
    try:
        row = octets.decode(encoding)
    except UnicodeDecodeError:
        raise Refused("record.encoding", "", encoding.upper()) from None
    if row and len(row) <= _PLAIN_ROW and not ('"' in row or "\r" in row or "\n" in row):
        return row.split(
            delimiter
        )  # without these signs the reader below does nothing else, ten times slower
    try:
        return next(csv.reader([row], delimiter=delimiter, strict=True), [])
    except csv.Error:
        raise Refused("record.csv.quote", "", "whole cells quoted, quotation marks doubled inside") from None


def _columns(octets: bytes) -> tuple[dict[str, Schema], list[str]]:
    """Read `columns.csv`: the JSON Schema of each column's cells, and the columns that are required."""
    try:
        rows = list(csv.DictReader(octets.decode("utf-8").splitlines(), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise Unfit("is not CSV in UTF-8", "الملف ليس CSV بترميز UTF-8") from None
    wanted = {"column", "required", "max_length", "pattern", "description", "description_ar"}
    if not rows or set(rows[0]) != wanted:
        raise Unfit(
            f"needs exactly the columns {', '.join(sorted(wanted))}",
            f"أعمدة الملف هي دون غيرها: {'، '.join(sorted(wanted))}",
        )
    properties: dict[str, Schema] = {}
    for number, row in enumerate(rows, start=2):
        if not row["column"] or row["column"] in properties or row["required"] not in {"yes", "no"}:
            raise Unfit(
                f"line {number}: a new column name, and yes or no under required",
                f"السطر {number}: اكتب اسم عمود لم يُذكر، وتحت required إحدى الكلمتين: yes، no",
            )
        if not (row["max_length"] or "").isdecimal():
            raise Unfit(
                f"line {number}: a number under max_length", f"السطر {number}: اكتب عددًا تحت max_length"
            )
        column: Schema = {"type": "string", "maxLength": int(row["max_length"])}
        column |= {"description": row["description"], "x-description-ar": row["description_ar"]}
        if row["pattern"]:
            column["pattern"] = row["pattern"]
        properties[row["column"]] = column
    return properties, [row["column"] for row in rows if row["required"] == "yes"]


# -- XML


def xml_source(xsd: bytes, mapping: MappingDocument, encoding: str) -> Source:
    """Compile a source whose records are elements; `xsd` declares the record as a global element.

    Raises:
        Unfit: for an XSD or a path that is not acceptable.
    """
    schema = XmlSchema(xsd)
    namespaces = mapping.record.ns
    if mapping.record.xpath is None:
        raise Unfit(
            "mapping.yaml: record.xpath says where the records stand",
            "اكتب في mapping.yaml موضع السجلات تحت record.xpath",
        )
    path = tuple(_qualified(step, namespaces) for step in mapping.record.xpath[1:].split("/"))
    if len(set(path)) != len(path):
        raise Unfit(
            "mapping.yaml: record.xpath names an element twice",
            "يتكرر عنصر في record.xpath داخل mapping.yaml",
        )
    parser = record_parser()

    def read_exactly(octets: bytes) -> Node:
        node = element(octets, parser)
        if node.tag != path[-1]:
            raise Refused("record.xml.root", "", "the record element of the binding")
        schema.validate(node)
        return tree(node)

    return Source(
        typed_xml.typed_reader(schema.root, path[-1], read_exactly),
        lambda _framing, record, _document: XmlSplitter(record, path, encoding),
        lambda written: _xml_steps(written, namespaces, schema.names),
        None,
        path,
    )


def _qualified(step: str, namespaces: dict[str, str]) -> str:
    prefix, colon, local = step.rpartition(":")
    if not colon:
        return local
    if prefix not in namespaces:
        raise Unfit(
            f"the prefix {prefix!r} is not declared under record.ns",
            f"البادئة {prefix} غير معلنة تحت record.ns",
        )
    return f"{{{namespaces[prefix]}}}{local}"


_STEP = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_.-]*:)?[A-Za-z_][A-Za-z0-9_.-]*")


def _xml_steps(written: str, namespaces: dict[str, str], names: frozenset[str]) -> tuple[str, ...]:
    """Turn `p:a/p:b/@c` into names; of XPath there are child steps and one attribute, and nothing else."""
    path, _, attribute = written.partition("@")
    elements = path.removesuffix("/").split("/") if path else []
    for step in [*elements, *([attribute] if "@" in written else [])]:
        if not _STEP.fullmatch(step):
            raise Unfit(
                f"{written!r}: a path is child names divided by /, with @attribute at its end at most",
                f"{written}: المسار أسماء عناصر يفصل بينها /، وقد ينتهي بخاصية واحدة تسبقها @",
            )
        if step.rpartition(":")[2] not in names:
            raise Unfit(
                f"{written!r}: the XSD declares no {step!r}", f"{written}: لا يعلن مخطط XSD الاسم {step}"
            )
    steps = [_qualified(step, namespaces) for step in elements]
    if attribute:
        steps[-1:] = ["/".join([*steps[-1:], "@" + _qualified(attribute, namespaces)])]
    return tuple(steps)
