"""The XSDs of a contract's messages, in two strictnesses made from one description.

What agencies are told names the record as their own XSD declares it. What the gateway holds a message against lets
a record be anything of that namespace: the exchange judges each one by the same XSD, and a bad one refuses only itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from adapters.soap.names import ANSWER, XMLMIME, XS, Element, messages_of, q
from gateway.doors import XmlRecords
from gateway.records import Status

OPERATIONS = ("submit", "submitDocument", "receipt", "ping")

_OUTCOME = (
    ("position", "positiveInteger", 1),
    ("outcome", "string", 1),
    ("id", "string", 0),
    ("lane", "string", 0),
    ("index", "nonNegativeInteger", 0),
    ("code", "string", 0),
    ("field", "string", 0),
    ("rule", "string", 0),
    ("title_ar", "string", 0),
    ("title_en", "string", 0),
    ("receipt", "string", 0),
)
_PROBLEM = (
    ("code", "string", 1),
    ("field", "string", 0),
    ("rule", "string", 0),
    ("title_ar", "string", 1),
    ("title_en", "string", 1),
    ("remedy_ar", "string", 1),
    ("remedy_en", "string", 1),
    ("retry_after_s", "nonNegativeInteger", 0),
)
_COUNTS = (
    *((status.value, "nonNegativeInteger", 1) for status in Status),
    ("complete", "boolean", 1),
)


def answer_schema() -> Element:
    """Return the schema of what is answered: outcomes, and the problem in a fault's detail."""
    schema = _schema(ANSWER)
    outcome = _type(schema, "Outcome", "What became of a record", "ما آل إليه السجل")
    _fields(outcome, _OUTCOME)
    etree.SubElement(outcome, q(XS, "element"), name="warning", type="xs:string", minOccurs="0",
                     maxOccurs="unbounded")  # fmt: skip
    problem = _type(schema, "Problem", "What was refused, and what to do", "ما رُفض وما العمل")
    _fields(problem, _PROBLEM)
    answer = _type(schema, "Answer", "An outcome for each record, in order", "نتيجة لكل سجل بالترتيب")
    _fields(answer, [("submission", "string", 1)])
    etree.SubElement(answer, q(XS, "element"), name="outcome", type="a:Outcome", minOccurs="0",
                     maxOccurs="unbounded")  # fmt: skip
    etree.SubElement(answer, q(XS, "element"), name="problem", type="a:Problem", minOccurs="0")
    _fields(answer, _COUNTS)
    held = _type(schema, "Held", "A record's state and receipt", "حالة السجل وإيصاله")
    _fields(held, [("id", "string", 1), ("state", "string", 1), ("receipt", "string", 1)])
    pong = _type(schema, "Pong", "Who was known, and the receipt", "الجهة المعروفة وإيصالها")
    _fields(pong, [("agency", "string", 1), ("receipt", "string", 1)])
    etree.SubElement(schema, q(XS, "element"), name="problem", type="a:Problem")
    return schema


def message_schema(contract: str, records: XmlRecords, *, open_records: bool = False) -> Element:
    """Return the schema of a contract's messages; with `open_records` as the gateway holds a message against it."""
    own, local = etree.QName(records.path[-1]).namespace or "", etree.QName(records.path[-1]).localname
    schema = _schema(messages_of(contract), r=own)
    if not open_records:
        etree.SubElement(schema, q(XS, "import"), namespace=own)
    etree.SubElement(schema, q(XS, "import"), namespace=ANSWER)
    submit = _element(schema, "submit", "Hand over records", "تسليم سجلات")
    _fields(submit, [("recipient", "string", 0)])
    if open_records:
        etree.SubElement(submit, q(XS, "any"), namespace=own, processContents="skip", maxOccurs="unbounded")
    else:
        etree.SubElement(submit, q(XS, "element"), ref=f"r:{local}", maxOccurs="unbounded")
    document = _element(
        schema,
        "submitDocument",
        "Hand over one XML document of records, as an attachment (MTOM)",
        "تسليم مستند XML واحد به سجلات كمرفق (MTOM)",
    )
    _fields(document, [("recipient", "string", 0)])
    attached = etree.SubElement(document, q(XS, "element"), name="document", type="xs:base64Binary")
    attached.set(q(XMLMIME, "expectedContentTypes"), "application/xml")
    receipt = _element(schema, "receipt", "Read a record's state and receipt", "قراءة حالة سجل وإيصاله")
    _fields(receipt, [("id", "string", 1)])
    _element(schema, "ping", "Test: receipted, never delivered", "اختبار: له إيصال ولا يُسلَّم")
    for operation, kind in zip(OPERATIONS, ("Answer", "Answer", "Held", "Pong"), strict=True):
        etree.SubElement(schema, q(XS, "element"), name=f"{operation}Response", type=f"a:{kind}")
    return schema


def _schema(target: str, **prefixes: str) -> Element:
    return etree.Element(
        q(XS, "schema"),
        {"targetNamespace": target, "elementFormDefault": "qualified"},
        nsmap={"xs": XS, "a": ANSWER, "xmime": XMLMIME, **prefixes},
    )


def _element(schema: Element, name: str, en: str, ar: str) -> Element:
    """Declare a global element with a sequence, and return the sequence."""
    declared = etree.SubElement(schema, q(XS, "element"), name=name)
    documented(declared, en, ar)
    return etree.SubElement(etree.SubElement(declared, q(XS, "complexType")), q(XS, "sequence"))


def _type(schema: Element, name: str, en: str, ar: str) -> Element:
    """Declare a named type with a sequence, and return the sequence."""
    declared = etree.SubElement(schema, q(XS, "complexType"), name=name)
    documented(declared, en, ar)
    return etree.SubElement(declared, q(XS, "sequence"))


def documented(declared: Element, en: str, ar: str) -> None:
    """Say in both languages what something is."""
    note = etree.SubElement(declared, q(XS, "annotation"))
    for language, text in (("en", en), ("ar", ar)):
        words = etree.SubElement(note, q(XS, "documentation"))
        words.set("{http://www.w3.org/XML/1998/namespace}lang", language)
        words.text = text


def _fields(sequence: Element, fields: Sequence[tuple[str, str, int]]) -> None:
    for name, kind, least in fields:
        etree.SubElement(sequence, q(XS, "element"), name=name, type=f"xs:{kind}", minOccurs=str(least))
