"""Answers and faults as XML text: written by hand because a receipt for each record makes them long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from xml.sax.saxutils import escape

from adapters.soap.envelope import Version
from adapters.soap.names import ANSWER, ERROR, messages_of
from gateway.doors import Evidence
from gateway.errors import IsnadError, Rejected, Unavailable
from gateway.https.problems import text_of
from gateway.records import Outcome, Refusal, Status
from gateway.submissions import Counts

_FAULTS = {
    # code → local name of the fault's own code (SOAP 1.1 §4.4.1, SOAP 1.2 Part 1 §5.4.6)
    "soap.version": ("VersionMismatch", "VersionMismatch"),
    "soap.must_understand": ("MustUnderstand", "MustUnderstand"),
}
HTTP_FAULT, HTTP_SENDER = 500, 400


def envelope_start(version: Version) -> bytes:
    """Return everything before what the Body holds."""
    return (f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{version.value}"><s:Body>').encode()


ENVELOPE_END = b"</s:Body></s:Envelope>"


def answer_start(contract: str, operation: str, submission: str) -> bytes:
    """Return the beginning of an answer to a submission."""
    return (
        f'<m:{operation}Response xmlns:m="{messages_of(contract)}" xmlns="{ANSWER}">'
        f"<submission>{submission}</submission>"
    ).encode()


def outcomes_xml(outcomes: Iterable[Outcome], earlier: Mapping[str, Evidence] | None) -> Iterator[bytes]:
    """Yield an element for each outcome.

    With `earlier`, which has the receipts of duplicates by record id, each record carries its receipt; without,
    none does.
    """
    for outcome in outcomes:
        fields: list[tuple[str, object]] = [
            ("position", outcome.position),
            ("outcome", outcome.status.value),
        ]
        if outcome.refusal is not None:
            fields += _explained(outcome.refusal)
        else:
            fields += [("id", outcome.record_id), ("lane", outcome.lane), ("index", outcome.index)]
        if earlier is not None:
            if outcome.batch is not None:
                fields.append(("receipt", outcome.receipt_json().decode()))
            elif evidence := earlier.get(outcome.record_id):
                fields.append(("receipt", evidence.to_json().decode()))
        fields += [("warning", warning) for warning in outcome.warnings]
        yield b"<outcome>" + _fields(fields) + b"</outcome>"


def answer_end(operation: str, counts: Counts, error: IsnadError | None) -> bytes:
    """Return the end of an answer; with `error` it is not all that was sent, and the rest is to be sent again."""
    ends = [b"<problem>" + _problem(error) + b"</problem>"] if error else []
    fields: list[tuple[str, object]] = [(status.value, counts.of(status)) for status in Status]
    fields.append(("complete", "false" if error else "true"))
    return b"".join([*ends, _fields(fields), f"</m:{operation}Response>".encode()])


def fields_answer(contract: str, operation: str, fields: list[tuple[str, object]]) -> bytes:
    """Return an answer that holds nothing but these."""
    start = f'<m:{operation}Response xmlns:m="{messages_of(contract)}" xmlns="{ANSWER}">'.encode()
    return start + _fields(fields) + f"</m:{operation}Response>".encode()


def fault(error: IsnadError, version: Version, language: str) -> tuple[int, bytes]:
    """Return status and body of a fault.

    SOAP 1.1 knows one faultstring, which is in the client's language (§4.4), and always goes with status 500 (§6.2);
    SOAP 1.2 has both languages, the code as its subcode, and 400 when the sender must change something
    (Part 2 §7.5.2.2).
    """
    text = text_of(error.code)
    sender = isinstance(error, Rejected)
    detail = f'<a:problem xmlns:a="{ANSWER}" xmlns="{ANSWER}">'.encode() + _problem(error) + b"</a:problem>"
    old, new = _FAULTS.get(error.code, ("Client", "Sender") if sender else ("Server", "Receiver"))
    if version is Version.V11:
        title = text.ar if language == "ar" else text.en
        inner = (
            f'<faultcode>s:{old}</faultcode><faultstring xml:lang="{language}">{escape(title)}</faultstring>'
        ).encode()
        return HTTP_FAULT, b"".join(
            [envelope_start(version), b"<s:Fault>", inner, b"<detail>", detail, b"</detail></s:Fault>", ENVELOPE_END]
        )  # fmt: skip
    inner = (
        f'<s:Code><s:Value>s:{new}</s:Value><s:Subcode><s:Value xmlns:e="{ERROR}">e:{error.code}</s:Value>'
        f'</s:Subcode></s:Code><s:Reason><s:Text xml:lang="en">{escape(text.en)}</s:Text>'
        f'<s:Text xml:lang="ar">{escape(text.ar)}</s:Text></s:Reason>'
    ).encode()
    return HTTP_SENDER if new == "Sender" else HTTP_FAULT, b"".join(
        [envelope_start(version), b"<s:Fault>", inner, b"<s:Detail>", detail, b"</s:Detail></s:Fault>", ENVELOPE_END]
    )  # fmt: skip


def _problem(error: IsnadError) -> bytes:
    text = text_of(error.code)
    fields = _explained(error.refusal)
    fields += [("remedy_ar", text.remedy_ar), ("remedy_en", text.remedy_en)]
    if isinstance(error, Unavailable):
        fields.append(("retry_after_s", max(1, round(error.retry_after_s))))
    return _fields(fields)


def _explained(refusal: Refusal) -> list[tuple[str, object]]:
    text = text_of(refusal.code)
    return [
        ("code", refusal.code),
        ("field", refusal.field),
        ("rule", refusal.rule),
        ("title_ar", text.ar),
        ("title_en", text.en),
    ]


def _fields(fields: Iterable[tuple[str, object]]) -> bytes:
    return "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in fields).encode()
