"""Cut an XML document of any length into its record elements, in constant memory.

The parser knows no entities, no DTD and no network; what lies before the root is looked at by hand, because a
DTD is acted on before any element is seen. The octets of a record are its exclusive canonical form
(https://www.w3.org/TR/xml-exc-c14n/, without comments): that is what it means apart from its surroundings.
"""

from lxml import etree

from contracts.framing import Piece, refused, too_large

_STRIDE = 16 * 1024
"""Bytes given to the parser at once: the granularity at which an endless record is noticed."""

_MAX_PROLOG_BYTES = 4 * 1024
_SYNTAX = "well-formed XML, nested at most 256 levels"


class XmlSplitter:
    """Gives every element at `path`, from the root; another element in its way ends the submission.

    Args:
        max_record_bytes: largest canonical form of one record.
        path: qualified names (`{namespace}local`) from the root to the record.
        encoding: the agreed encoding; the document's own declaration is not asked.
    """

    def __init__(self, max_record_bytes: int, path: tuple[str, ...], encoding: str) -> None:
        self._limit = max_record_bytes
        self._path = path
        self._parser = etree.XMLPullParser(
            events=("start", "end"),
            tag={path[0], path[-1]},  # anything else would cost Python time for every element of a record
            encoding=encoding,
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        self._prolog: bytes | None = b""
        self._position = 0
        self._since_record = 0
        self._last: etree._Element | None = None
        self._ended = False

    def feed(self, data: bytes) -> list[Piece]:
        """See `Splitter`."""
        pieces: list[Piece] = []
        at = 0
        while at < len(data) and not self._ended:
            # The prolog's limit falls between two strides, wherever the sender's chunks end.
            end = at + (_STRIDE if self._prolog is None else _MAX_PROLOG_BYTES - len(self._prolog))
            pieces += self._stride(data[at:end])
            at = end
        return pieces

    def close(self) -> list[Piece]:
        """See `Splitter`."""
        if self._ended:
            return []
        try:
            root = self._parser.close()
        except etree.XMLSyntaxError:
            return [self._end("record.xml.syntax", _SYNTAX)]
        if root.tag != self._path[0] or not all(
            _on_path(child, self._path) for child in root.iterdescendants()
        ):
            return [self._wrong_root()]
        return []

    def _stride(self, data: bytes) -> list[Piece]:
        if self._prolog is not None:
            self._prolog += data
            if b"<!DOCTYPE" in self._prolog:
                return [self._end("record.xml.doctype", "no document type declaration")]
        before = self._position
        pieces, broken = [], False
        try:
            self._parser.feed(data)
        except (etree.XMLSyntaxError, ValueError):
            broken = True
        for event, node in self._parser.read_events():
            if event == "start":
                self._prolog = None
            elif isinstance(node, etree._Element):  # noqa: SLF001 - lxml names its node type no other way
                pieces += self._record(node)
            if self._ended:
                return pieces
        if broken:
            return [*pieces, self._end("record.xml.syntax", _SYNTAX)]
        self._since_record = len(data) if self._position > before else self._since_record + len(data)
        return pieces + self._overflow()

    def _record(self, node: etree._Element) -> list[Piece]:
        """Return the record that has ended, unless it is the root that did."""
        if node.tag == self._path[0] and node.getparent() is None:
            return []
        if not self._is_next(node) and not _on_path(node, self._path):
            return [self._wrong_root()]
        self._position += 1
        octets = etree.tostring(node, method="c14n", exclusive=True, with_comments=False, with_tail=False)
        _forget(node)
        self._last = node
        if len(octets) > self._limit:
            return [too_large(self._position, self._limit)]
        return [Piece(self._position, octets)]

    def _is_next(self, node: etree._Element) -> bool:
        """Whether `node` is a record right behind the last one: then what is around it was looked at already."""
        return self._last is not None and node.getprevious() is self._last and node.tag == self._path[-1]

    def _overflow(self) -> list[Piece]:
        if self._prolog is not None and len(self._prolog) == _MAX_PROLOG_BYTES:
            return [
                self._end("record.xml.root", f"the root element within the first {_MAX_PROLOG_BYTES} bytes")
            ]
        if self._since_record <= self._limit + 2 * _STRIDE:
            return []
        self._ended = True
        return [too_large(self._position + 1, self._limit, ends=True)]

    def _wrong_root(self) -> Piece:
        return self._end("record.xml.root", "only the elements " + " / ".join(self._path))

    def _end(self, code: str, rule: str) -> Piece:
        self._ended = True
        return refused(code, rule, self._position + 1, ends=True)


def _on_path(node: etree._Element, path: tuple[str, ...]) -> bool:
    """Whether `node` and everything around it, and before it, is what `path` says at its depth.

    What was before it and on the path has been forgotten already, but for the latest.
    """
    around = [node, *node.iterancestors()][::-1]
    return len(around) <= len(path) and all(
        inner.tag == name and all(before.tag == name for before in inner.itersiblings(preceding=True))
        for inner, name in zip(around, path, strict=False)
    )


def _forget(node: etree._Element) -> None:
    """Free what has been read, so that the document does not grow.

    Only the inside of `node` and what precedes it: the text after it may still be growing in the parser.
    """
    node.clear(keep_tail=True)  # type: ignore[call-arg]  # lxml-stubs is older than the argument
    inner: etree._Element | None = node
    while inner is not None:
        parent = inner.getparent()
        while parent is not None and inner.getprevious() is not None:
            del parent[0]
        inner = parent
