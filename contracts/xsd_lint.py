"""Which XSDs may describe a record.

libxml2 compiles content models in cubic time and matches patterns by backtracking, so what makes either slow
is refused when the catalogue is loaded: an agency's schema can neither reach out nor hold a worker.
"""

import re

from lxml import etree

from contracts.errors import Unfit
from contracts.schema_lint import pattern_problem

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_ALONE = ("the schema stands alone", "المخطط قائم بذاته")
_NO_KEYS = ("a record has no keys", "لا مفاتيح في السجل")
_FORBIDDEN = {
    **dict.fromkeys(("import", "include", "redefine", "override"), _ALONE),
    "group": ("write the elements out", "اكتب العناصر في موضعها"),
    **dict.fromkeys(("key", "keyref", "unique"), _NO_KEYS),
    "notation": ("there are no notations", "لا تُستعمل الترميزات"),
}
_GROUPS = {"sequence", "choice", "all"}
_MAX_ELEMENTS = 256
_MAX_OCCURS = 1000
_MAX_ALTERNATIVES = 8
_CLASS_OR_ESCAPE = re.compile(r"\[(?:[^\]\\]|\\.)*\]|\\.")
_REPETITION = re.compile(r"[*+]|\{[0-9]*,[0-9]*\}")


def refuse_unfit(root: etree._Element) -> None:
    """Return when the schema is acceptable.

    Raises:
        Unfit: with the line and what is wrong with it.
    """
    if sum(1 for _ in root.iter(_XSD + "element")) > _MAX_ELEMENTS:
        raise Unfit(f"declares more than {_MAX_ELEMENTS} elements", f"يعلن عناصر أكثر من {_MAX_ELEMENTS}")
    for node in root.iter():
        wrong = _wrong_with(node)
        if wrong:
            raise Unfit(f"line {node.sourceline}: {wrong[0]}", f"السطر {node.sourceline}: {wrong[1]}")


def _wrong_with(node: etree._Element) -> tuple[str, str] | None:
    """Return what is wrong with one element, in English and Arabic."""
    local = etree.QName(node).localname
    if not str(node.tag).startswith(_XSD):
        foreign = "only elements of XML Schema belong here", "لا مكان هنا لعنصر ليس من لغة XSD"
        return None if _inside_documentation(node) else foreign
    if local in _FORBIDDEN:
        why, why_ar = _FORBIDDEN[local]
        return f"xs:{local} is not allowed: {why}", f"العنصر xs:{local} غير مسموح: {why_ar}"
    if local in _GROUPS and node.get("maxOccurs", "1") != "1":
        return (
            f"an xs:{local} does not repeat; repeat its elements",
            f"العنصر xs:{local} لا يتكرر؛ كرّر ما بداخله",
        )
    if local == "pattern":
        return _wrong_pattern(node.get("value", ""))
    counts = [node.get("minOccurs", "1"), node.get("maxOccurs", "1")]
    if any(count.isdecimal() and int(count) > _MAX_OCCURS for count in counts):
        return (
            f"nothing occurs more than {_MAX_OCCURS} times; say unbounded",
            f"لا يتكرر شيء أكثر من {_MAX_OCCURS} مرة؛ اكتب unbounded",
        )
    return None


def _wrong_pattern(pattern: str) -> tuple[str, str] | None:
    """Allow one open repetition and a few alternatives: a backtracking matcher stays linear on those."""
    wrong = pattern_problem(f"^{pattern}$")
    if wrong:
        return f"the pattern {wrong[0]}", f"النمط: {wrong[1]}"
    bare = _CLASS_OR_ESCAPE.sub("x", pattern)
    if len(_REPETITION.findall(bare)) > 1:
        return (
            "the pattern has more than one repetition of open length",
            "في النمط أكثر من تكرار واحد بلا حد",
        )
    if bare.count("|") + bare.count("?") > _MAX_ALTERNATIVES:
        return (
            f"the pattern has more than {_MAX_ALTERNATIVES} alternatives",
            f"بدائل النمط أكثر من {_MAX_ALTERNATIVES}",
        )
    return None


def _inside_documentation(node: etree._Element) -> bool:
    return any(outer.tag in {_XSD + "appinfo", _XSD + "documentation"} for outer in node.iterancestors())
