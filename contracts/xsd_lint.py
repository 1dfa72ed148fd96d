"""Which XSDs may describe a record.

libxml2 compiles content models in cubic time and matches patterns by backtracking, so what makes either slow
is refused when the catalogue is loaded: an agency's schema can neither reach out nor hold a worker.
"""

import re

from lxml import etree

from contracts.schema_lint import pattern_problem

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_FORBIDDEN = {
    "import": "the schema stands alone",
    "include": "the schema stands alone",
    "redefine": "the schema stands alone",
    "override": "the schema stands alone",
    "group": "write the elements out",
    "key": "a record has no keys",
    "keyref": "a record has no keys",
    "unique": "a record has no keys",
    "notation": "there are no notations",
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
        ValueError: with the line and what is wrong with it.
    """
    if sum(1 for _ in root.iter(_XSD + "element")) > _MAX_ELEMENTS:
        raise ValueError(f"declares more than {_MAX_ELEMENTS} elements")
    for node in root.iter():
        wrong = _wrong_with(node)
        if wrong:
            raise ValueError(f"line {node.sourceline}: {wrong}")


def _wrong_with(node: etree._Element) -> str:
    local = etree.QName(node).localname
    if not str(node.tag).startswith(_XSD):
        return "" if _inside_documentation(node) else "only elements of XML Schema belong here"
    if local in _FORBIDDEN:
        return f"xs:{local} is not allowed: {_FORBIDDEN[local]}"
    if local in _GROUPS and node.get("maxOccurs", "1") != "1":
        return f"an xs:{local} does not repeat; repeat its elements"
    if local == "pattern":
        return _wrong_pattern(node.get("value", ""))
    counts = [node.get("minOccurs", "1"), node.get("maxOccurs", "1")]
    if any(count.isdecimal() and int(count) > _MAX_OCCURS for count in counts):
        return f"nothing occurs more than {_MAX_OCCURS} times; say unbounded"
    return ""


def _wrong_pattern(pattern: str) -> str:
    """Allow one open repetition and a few alternatives: a backtracking matcher stays linear on those."""
    wrong = pattern_problem(f"^{pattern}$")
    if wrong:
        return f"the pattern {wrong}"
    bare = _CLASS_OR_ESCAPE.sub("x", pattern)
    if len(_REPETITION.findall(bare)) > 1:
        return "the pattern has more than one repetition of open length"
    if bare.count("|") + bare.count("?") > _MAX_ALTERNATIVES:
        return f"the pattern has more than {_MAX_ALTERNATIVES} alternatives"
    return ""


def _inside_documentation(node: etree._Element) -> bool:
    return any(outer.tag in {_XSD + "appinfo", _XSD + "documentation"} for outer in node.iterancestors())
