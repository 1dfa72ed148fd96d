"""The XSDs that stand in the pinned copy of an agency's WSDL, compiled together, as zeep does not validate by them."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import quoteattr

from lxml import etree

from adapters.soap.envelope import parse
from adapters.soap.names import WSDL, XS, q


def compiled(wsdl: bytes) -> etree.XMLSchema:
    """Return the compiled XSDs of the agency's messages: all that stand in its WSDL, and nothing from elsewhere.

    Raises:
        Rejected: `soap.envelope`; it is no XML that may be read.
        KeyError, etree.LxmlError: they import what does not stand there, or are none.
    """
    found = parse(wsdl).findall(f"{q(WSDL, 'types')}/{q(XS, 'schema')}")
    # Compiled from text: a copy of an element lacks the prefixes that the WSDL around it declares.
    texts = {f"wsdl:{number}": etree.tostring(one, with_tail=False) for number, one in enumerate(found)}
    places = {one.get("targetNamespace", ""): place for one, place in zip(found, texts, strict=True)}
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    parser.resolvers.add(_Inside({place: _placed(text, places) for place, text in texts.items()}))
    imports = "".join(
        f'<xs:import namespace={quoteattr(space)} schemaLocation="{at}"/>' for space, at in places.items()
    )
    return etree.XMLSchema(etree.fromstring(f'<xs:schema xmlns:xs="{XS}">{imports}</xs:schema>', parser))


def _placed(schema: bytes, places: Mapping[str, str]) -> bytes:
    """Return a schema whose imports are found among those of the same WSDL."""
    root = etree.fromstring(schema)
    for imported in root.findall(q(XS, "import")):
        imported.set("schemaLocation", places[imported.get("namespace", "")])
    return etree.tostring(root)


class _Inside(etree.Resolver):
    """Finds schemas of the WSDL itself."""

    def __init__(self, schemas: Mapping[str, bytes]) -> None:
        super().__init__()
        self._schemas = schemas

    def resolve(  # type: ignore[override]  # lxml-stubs do not know the third argument
        self, system_url: str, public_id: str, context: object
    ) -> object:
        """Return a schema of the WSDL; what is not there is none, so that nothing else is looked for."""
        del public_id
        text = self._schemas.get(system_url, b"<none/>")
        return self.resolve_string(text, context)  # type: ignore[call-arg]  # the same
