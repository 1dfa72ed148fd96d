"""Read, check and compile a binding's folder `agencies/<agency>/<contract>/v<major>/`."""

from collections.abc import Mapping

from contracts import schema_lint
from contracts.binding import Binding, Sample, conforming
from contracts.binding_documents import BindingDocument, Csv, MappingDocument
from contracts.codes import CodeList
from contracts.contract import Contract
from contracts.errors import CODES, Problem, Refused, Unfit
from contracts.folder import MISSING_AR, Complain, Files, yaml_model
from contracts.manifests import FileRules
from contracts.mapping import CompiledMapping, compile_mapping
from contracts.source import FRAMINGS, Source, csv_source, json_source, xml_source
from contracts.strict_json import parse

_SOURCE_FILES = {"json": "source.schema.json", "xml": "source.xsd", "csv": "columns.csv"}
_FRAMINGS_OF = {"json": {"json", "ndjson"}, "xml": {"xml"}, "csv": {"csv"}}


def load(
    folder: str,
    files: Files,
    contracts: Mapping[str, Contract],
    codes: Mapping[str, CodeList],
    *,
    governorates: Mapping[str, bool],
    problems: list[Problem],
) -> Binding | None:
    """Load the binding in `folder` (`agencies/moh/death/v1`).

    Problems are added to the list, and then None is returned.
    """
    before = len(problems)

    def complain(file: str, where: str, rule: str, message: str, message_ar: str, /) -> None:
        problems.append(Problem(f"{folder}/{file}", where, rule, message, message_ar))

    document = yaml_model(BindingDocument, files, folder, "binding.yaml", complain)
    mapping = yaml_model(MappingDocument, files, folder, "mapping.yaml", complain)
    if document is None or mapping is None:
        return None
    _, agency, event, major = folder.split("/")
    if (document.agency, document.contract) != (agency, f"{event}.{major}"):
        message = f"must be agency {agency}, contract {event}.{major}"
        message_ar = f"يجب أن تكون الجهة {agency} والعقد {event}.{major}"
        complain("binding.yaml", "", "catalogue.name", message, message_ar)
    contract = contracts.get(document.contract)
    if contract is None:
        message, message_ar = f"there is no contract {document.contract}", f"لا يوجد عقد {document.contract}"
        complain("binding.yaml", "contract", "catalogue.name", message, message_ar)
    _check_media_types(document, complain)
    name = _SOURCE_FILES[document.format]
    source = _source(document, mapping, name, files.get(f"{folder}/{name}"), complain)
    if contract is None or source is None:
        return None
    compiled = _mapping(mapping, source, contract, codes, complain)
    if compiled is None or len(problems) > before:
        return None
    return Binding(
        agency=agency,
        contract=contract,
        title_en=document.title_en,
        title_ar=document.title_ar,
        owner=document.owner,
        transport=tuple(document.transport),
        files=FileRules(document.files) if document.files else None,
        format=document.format,
        media_types=tuple(document.media_types),
        encoding=document.encoding,
        max_record_bytes=document.max_record_bytes,
        max_document_bytes=document.max_document_bytes,
        source_document=(name, files[f"{folder}/{name}"]),
        source_schema=source.schema,
        samples=_samples(folder, files),
        source=source,
        mapping=compiled,
        governorates=governorates,
        conform=conforming(source, compiled, contract, agency, governorates),
    )


def _check_media_types(document: BindingDocument, complain: Complain) -> None:
    for media_type in document.media_types:
        if FRAMINGS.get(media_type) not in _FRAMINGS_OF[document.format]:
            complain(
                "binding.yaml",
                "media_types",
                "catalogue.media_type",
                f"{media_type} does not hold {document.format}",
                f"النوع {media_type} لا يصلح للصيغة {document.format}",
            )
    if document.format == "json" and document.encoding != "utf-8":
        complain(
            "binding.yaml",
            "encoding",
            "catalogue.encoding",
            "JSON is always UTF-8 (RFC 8259 §8.1)",
            "ترميز JSON دائمًا UTF-8 بنص RFC 8259 §8.1",
        )


def _source(
    document: BindingDocument, mapping: MappingDocument, name: str, octets: bytes | None, complain: Complain
) -> Source | None:
    if octets is None:
        complain(name, "", "catalogue.missing", "is missing", MISSING_AR)
        return None
    try:
        if document.format == "json":
            return json_source(parse(octets))
        if document.format == "csv":
            return csv_source(octets, (mapping.record.csv or Csv()).delimiter, document.encoding)
        return xml_source(octets, mapping, document.encoding)
    except Refused as refused:
        message_ar = f"ليس JSON مقبولًا: {CODES[refused.code].ar}"
        complain(name, refused.field, "catalogue.json", f"is not acceptable JSON: {refused.rule}", message_ar)
    except Unfit as problem:
        complain(name, "", "catalogue.source", str(problem), problem.ar)
    return None


def _mapping(
    mapping: MappingDocument,
    source: Source,
    contract: Contract,
    codes: Mapping[str, CodeList],
    complain: Complain,
) -> CompiledMapping | None:
    for target in mapping.fields:
        if schema_lint.resolve(contract.schema, "/" + target.replace(".", "/")) is None:
            message, message_ar = "the contract has no such field", "لا يوجد حقل بهذا الاسم في العقد"
            complain("mapping.yaml", f"fields.{target}", "catalogue.target", message, message_ar)
    written = {target.partition(".")[0] for target in mapping.fields}
    required = contract.schema.get("required")
    for name in required if isinstance(required, list) else []:
        if name not in written:
            complain(
                "mapping.yaml",
                "fields",
                "catalogue.target",
                f"nothing gives {name}, which the contract requires",
                f"لا شيء يكتب الحقل {name}، والعقد يوجبه",
            )
    try:
        return compile_mapping(mapping, source, codes, contract.checker)
    except Unfit as problem:
        complain("mapping.yaml", "", "catalogue.mapping", str(problem), problem.ar)
        return None


def _samples(folder: str, files: Files) -> tuple[Sample, ...]:
    found = []
    mine = f"{folder}/samples/"
    for file, octets in files.items():
        if not file.startswith(mine) or file.endswith(".why"):
            continue
        stem = file.rpartition("/")[2].rpartition(".")[0]
        if file.startswith(f"{folder}/samples/valid/"):
            expected = files.get(f"{folder}/expected/{stem}.json")
            codes = files.get(f"{folder}/expected/{stem}.codes", b"")
        else:
            expected, codes = None, files.get(file.rpartition(".")[0] + ".why", b"")
        found.append(Sample(file, octets, expected, tuple(codes.decode("utf-8", "replace").split())))
    return tuple(found)
