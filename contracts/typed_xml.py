"""Read the usual XML record and hold it against its XSD at once, three times as fast as one after the other.

Only for XSDs of texts and words in sequences of elements, which agencies' are. Such a record, written in the default
namespace and without references, has one form only, which a regular expression tells; every value stands in it
as it is meant. What the expression does not take is not wrong yet: then the exact reader parses and validates, and it
alone refuses.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from lxml import etree

from contracts.program import Program

Node = dict[str, object]
Read = Callable[[bytes], Node]
"""Returns the names of a record, see `xml_source.tree`; raises Refused."""

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_LARGEST = 65536
"""Bytes of a record that is read here: far below every limit that libxml2 has for a text or an attribute."""
_MOST_VALUES = 200
_MOST_LEVELS = 8

# XML 1.0 §2.2 without what is written as a reference, ends a value, or is normalised (§2.11, §3.3.3).
_SIGN = r'[^<>&"\x00-\x1f\ufffe\uffff]'
_GAP = r"[ \n\t]*+"
_FACETS = ("enumeration", "pattern", "length", "minLength", "maxLength")
_PLAIN_URI = re.compile(r"[A-Za-z0-9:/._#?=-]+")
_PLAIN_PATTERN = re.compile(r"(?:\[0-9\](?:\{[0-9]+\})?|[A-Za-z0-9/:-])+")
"""Patterns that XSD (Part 2, appendix F) and Python read alike."""


class _Unfit(Exception):  # noqa: N818 - never leaves this module
    """An XSD asks something that is not translated here."""


def typed_reader(xsd: etree._Element, record: str, exactly: Read) -> Read:
    """Return a reader of the XSD's global element `record` that asks `exactly` where it is not certain itself.

    Args:
        xsd: root of an acceptable XSD, see `xsd_lint`.
        record: `{namespace}local`.
        exactly: the exact reader.
    """
    try:
        form = _Form(xsd)
        match = re.compile(form.record(record)).fullmatch
        names = form.names()
    except _Unfit:
        return exactly

    def read(octets: bytes) -> Node:
        if len(octets) > _LARGEST:
            return exactly(octets)
        try:
            found = match(octets.decode())
        except UnicodeDecodeError:
            return exactly(octets)
        if found is None:
            return exactly(octets)
        return names(found.groups())

    return read


class _Member(NamedTuple):
    """Lines of the program: `node[name] = value`, where `given` holds something."""

    node: str
    name: str
    value: str
    given: str | None


class _Form:
    """The expression of a record, and the program that names what stands in its groups."""

    def __init__(self, xsd: etree._Element) -> None:
        asked = _asked(xsd, {"targetNamespace", "elementFormDefault", "version"})
        self._namespace = asked.get("targetNamespace", "")
        if asked.get("elementFormDefault") != "qualified" or not _PLAIN_URI.fullmatch(self._namespace):
            raise _Unfit
        parts = _inside(xsd, "simpleType", "complexType", "element")
        self._types = {_name(part): part for part in parts if part.tag != _XSD + "element"}
        self._records = {_name(part): part for part in parts if part.tag == _XSD + "element"}
        self._program = Program("source")
        self._values: list[str] = []
        self._nodes: list[str] = []
        self._members: list[_Member] = []

    def record(self, name: str) -> str:
        """Return the expression of the global element `name`.

        Raises:
            _Unfit: for what is not translated.
        """
        namespace, _, local = name.removeprefix("{").partition("}")
        if namespace != self._namespace or local not in self._records:
            raise _Unfit
        declared = self._records[local]
        inside = self._type(declared, {"name"})
        if inside.tag != _XSD + "complexType":
            raise _Unfit
        node = self._node()
        attributes, elements = self._complex(inside, (node, ""), node, 0)
        if not elements:
            raise _Unfit
        tag = re.escape(local)
        return f'<{tag} xmlns="{re.escape(namespace)}"{attributes}>{elements}</{tag}>'

    def names(self) -> Callable[[tuple[str | None, ...]], Node]:
        """Return the function from the groups of the expression to the names of the record."""
        program, unpacked = self._program, self._program.expression("")
        for value in self._values:
            unpacked = program.expression("{}{}, ", unpacked, value)
        program.line("{}= source", unpacked)
        for node in self._nodes:
            program.line("{} = {{}}", node)
        for member in self._members:
            place = (member.node, program.constant(member.name), member.value)
            if member.given is not None:
                program.line("if {} is not None:", member.given)
            program.line("{}[{}] = {}", *place, depth=0 if member.given is None else 1)
        program.line("return {}", self._nodes[0])
        return program.function()

    def _node(self) -> str:
        self._nodes.append(self._program.variable())
        return self._nodes[-1]

    def _group(self) -> str:
        """Return the variable of the expression's next group; it holds None where there is none in a record."""
        if len(self._values) == _MOST_VALUES:
            raise _Unfit
        self._values.append(self._program.variable())
        return self._values[-1]

    def _value(self, node: str, name: str, words: str) -> str:
        """Return the group of a value, which becomes the member `name` of `node`."""
        value = self._group()
        self._members.append(_Member(node, name, value, value))
        return f"({words})"

    def _type(self, declared: etree._Element, asked: set[str]) -> etree._Element:
        """Return the type of an element or attribute that has only the attributes `asked`, and `type`."""
        written = _asked(declared, asked | {"type"}).get("type")
        inner = _inside(declared, "simpleType", "complexType")
        if written is None:
            if len(inner) != 1 or inner[0].get("name"):
                raise _Unfit
            return inner[0]
        prefix, _, local = written.rpartition(":")
        uri = declared.nsmap.get(prefix or None)
        if uri == self._namespace and local in self._types and not inner:
            return self._types[local]
        raise _Unfit

    def _complex(
        self, declared: etree._Element, above: tuple[str, str], node: str, level: int
    ) -> tuple[str, str]:
        """Return the expressions of the attributes of an element and of the elements inside it.

        Args:
            declared: its complex type.
            above: node that receives the attributes, and what stands before their names there.
            node: receives the elements.
            level: how deep it stands.
        """
        _asked(declared, {"name"})
        parts = _inside(declared, "sequence", "attribute")
        sequences = [part for part in parts if part.tag == _XSD + "sequence"]
        if level > _MOST_LEVELS or len(sequences) > 1:
            raise _Unfit
        # Canonical XML sorts attributes by name (https://www.w3.org/TR/xml-c14n, §2.3).
        others = sorted((part for part in parts if part not in sequences), key=_name)
        attributes = "".join([self._attribute(one, *above) for one in others])
        children = [child for part in sequences for child in _inside(part, "element")]
        if any(part.attrib for part in sequences) or len(set(map(_name, children))) != len(children):
            raise _Unfit
        if not children:
            return attributes, ""
        elements = [self._element(child, node, level) for child in children]
        # An element with nothing in it has no children for the exact reader, whatever could stand there.
        return attributes, f"{_GAP}(?!</)" + _GAP.join(elements) + _GAP

    def _attribute(self, declared: etree._Element, node: str, before: str) -> str:
        use = declared.get("use", "optional")
        if use not in {"optional", "required"}:
            raise _Unfit
        words = _words(self._type(declared, {"name", "use"}))
        name = _name(declared)
        group = self._value(node, f"{before}@{name}", words)
        return _perhaps(f' {re.escape(name)}="{group}"', optional=use == "optional")

    def _element(self, declared: etree._Element, node: str, level: int) -> str:
        least, tag = declared.get("minOccurs", "1"), re.escape(_name(declared))
        if least not in {"0", "1"}:
            raise _Unfit
        inside = self._type(declared, {"name", "minOccurs"})
        name = f"{{{self._namespace}}}{_name(declared)}"
        if inside.tag == _XSD + "simpleType":
            group = self._value(node, name, _words(inside))
            return _perhaps(f"<{tag}>{group}</{tag}>", optional=least == "0")
        given = self._group() if least == "0" else None
        inner = self._node()
        attributes, elements = self._complex(inside, (node, f"{name}/"), inner, level + 1)
        value = inner if elements else self._program.expression("None")
        self._members.append(_Member(node, name, value, given))
        begun = f"<{tag}" if given is None else f"(<{tag})"
        return _perhaps(f"{begun}{attributes}>{elements}</{tag}>", optional=given is not None)


def _perhaps(pattern: str, *, optional: bool) -> str:
    # Not `?+`: before 3.11.5 Python lets a possessive group keep what failed inside it (gh-106052). Nothing is lost:
    # where one of these was found none of what may follow begins, so giving it back fails at once.
    return f"(?:{pattern})?" if optional else pattern


def _words(declared: etree._Element) -> str:
    """Return the expression of a simple type's values, of which the empty one is left out."""
    _asked(declared, {"name"})
    restrictions = _inside(declared, "restriction")
    if len(restrictions) != 1:
        raise _Unfit
    (restriction,) = restrictions
    prefix, _, base = _asked(restriction, {"base"}).get("base", "").rpartition(":")
    if base != "string" or f"{{{restriction.nsmap.get(prefix or None)}}}" != _XSD:
        raise _Unfit
    facets = _inside(restriction, *_FACETS)
    values = [_asked(facet, {"value"}).get("value", "") for facet in facets]
    kinds = {etree.QName(facet).localname for facet in facets}
    if kinds == {"enumeration"} and all(values):
        return "|".join(map(re.escape, values))
    if len(kinds) != len(facets) or "enumeration" in kinds:
        raise _Unfit
    asked = dict(zip((etree.QName(facet).localname for facet in facets), values, strict=True))
    pattern = asked.pop("pattern", None)
    if pattern is None:
        return _lengths(asked)
    if not _PLAIN_PATTERN.fullmatch(pattern):
        raise _Unfit
    return f'(?={_lengths(asked)}[<"]){pattern}'


def _lengths(asked: dict[str, str]) -> str:
    """Return the expression of texts of as many signs as `length`, `minLength` and `maxLength` ask."""
    if not all(re.fullmatch(r"[0-9]{1,4}", value) for value in asked.values()):
        raise _Unfit
    limits = {name: int(value) for name, value in asked.items()}
    exact = limits.get("length")
    if exact is not None:
        limits = {"minLength": exact, "maxLength": exact}
    shortest, longest = max(limits.get("minLength", 1), 1), limits.get("maxLength", _LARGEST)
    if len(asked) > len(limits) or shortest > longest:
        raise _Unfit
    return f"{_SIGN}{{{shortest},{longest}}}+"


def _name(declared: etree._Element) -> str:
    name = declared.get("name")
    if name is None:
        raise _Unfit
    return name


def _asked(declared: etree._Element, known: set[str]) -> dict[str, str]:
    """Return the attributes of a part of the XSD, which must be known ones."""
    asked = {str(name): str(value) for name, value in declared.items()}
    if not asked.keys() <= known:
        raise _Unfit
    return asked


def _inside(declared: etree._Element, *known: str) -> list[etree._Element]:
    """Return what stands in a part of the XSD beside documentation, which must be known parts."""
    parts = [part for part in declared if part.tag != _XSD + "annotation"]
    if not {part.tag for part in parts} <= {_XSD + name for name in known}:
        raise _Unfit
    return parts
