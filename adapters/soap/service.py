"""Calling an agency's service with zeep, from a pinned copy of its WSDL.

zeep writes the messages and reads the answers; it fetches nothing and verifies nothing. Everything between is here:
TLS with the key in memory, the signature, limits, and an answer that is held against the WSDL's own XSD before it is
read.
"""

from __future__ import annotations

import hashlib
import io
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import zeep
import zeep.exceptions
import zeep.wsdl.bindings
from lxml import etree

from adapters.soap.answers import ENVELOPE_END, envelope_start
from adapters.soap.breaker import Breaker
from adapters.soap.envelope import Version, opened, parse, sole
from adapters.soap.names import Element
from adapters.soap.pinned import compiled
from adapters.soap.shape import OURS, Shape, Told
from gateway.errors import IsnadError, Rejected, Unavailable
from gateway.records import Origin

AGENCY = "urn:isnad:soap:agency:1"
ANSWER_MAX_BYTES = 16 << 20
RETRY_S = 5
TROUBLE = 500
"""The first status that says so (RFC 9110 §15.6); a fault has it, too, and then says more."""
_BINDINGS = {
    Version.V11: zeep.wsdl.bindings.Soap11Binding,
    Version.V12: zeep.wsdl.bindings.Soap12Binding,
}
Sign = Callable[[bytes], bytes]
"""Returns an envelope signed; raises `Unavailable` when the key cannot be had now."""
Verify = Callable[[Origin, bytes], tuple[Origin, bytes]]
"""Returns the origin completed and the Body that was signed; raises `Rejected` when the signature does not hold."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an agency's service is and how it is described."""

    url: str
    wsdl: bytes
    timeout_s: float
    shape: Shape = OURS


@dataclass(frozen=True, slots=True)
class Said:
    """What a service answered, and how it was known: by its TLS certificate, and by a signature if it made one.

    `envelope` is the answer as it came.
    """

    told: Told
    origin: Origin
    envelope: bytes


class Service:
    """One agency's service. Methods block."""

    def __init__(self, place: Place, tls: ssl.SSLContext, sign: Sign | None, verify: Verify) -> None:
        """Read the WSDL.

        Raises:
            Rejected: `soap.wsdl`; it does not describe a service that the gateway can call.
        """
        self._transport = _Transport(place, tls, sign, verify)
        settings = zeep.Settings(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True)
        try:
            client = zeep.Client(  # type: ignore[no-untyped-call]  # zeep is half typed
                io.BytesIO(place.wsdl), transport=self._transport, settings=settings
            )
            self._schema = compiled(place.wsdl)
            binding = next(
                str(name)
                for name, one in client.wsdl.bindings.items()
                if _is_of(etree.QName(str(name)), place.shape) and type(one) is _BINDINGS[place.shape.version]
            )
            self._service = client.create_service(binding, place.url)  # type: ignore[no-untyped-call]
        except (
            zeep.exceptions.Error,
            etree.LxmlError,
            StopIteration,
            KeyError,
            ValueError,
            AttributeError,
        ) as error:
            raise Rejected(
                "soap.wsdl", "the pinned WSDL must describe the agency's service", "wsdl"
            ) from error
        self._transport.schema = self._schema
        self._breaker = Breaker(time.monotonic)
        self._shape = place.shape

    def call(self, operation: str, records: list[tuple[str, str]] | None = None, **told: object) -> Said:
        """Make one of the calls that the gateway makes, and return what is answered.

        `records` are events with their receipts.

        Raises:
            Unavailable: no answer, or a fault of the service's own; or it is given a rest.
            Rejected: a fault of the sender's, or an answer that is not as the WSDL says.
        """
        try:
            call = self._shape.calls[operation]
            asked = self._service[call.operation]
        except (AttributeError, KeyError) as error:
            raise Rejected("soap.wsdl", "the pinned WSDL must have the operation", operation) from error
        self._breaker.enter()
        try:
            asked(**call.arguments(told), **call.records(records or []))
            self._check_answers(call.operation)
            answer = call.read(self._transport.element)
        except httpx.HTTPError as error:
            self._breaker.failed()
            raise Unavailable("unavailable.recipient", "the agency's service must answer", RETRY_S) from error
        except IsnadError as error:
            self._breaker.failed() if isinstance(error, Unavailable) else self._breaker.succeeded()
            raise
        except zeep.exceptions.Fault as fault:
            self._breaker.succeeded()
            raise _fault(fault) from fault
        # zeep raises TypeError for an element that the WSDL does not know.
        except (zeep.exceptions.Error, ValueError, TypeError) as error:
            self._breaker.succeeded()
            raise Rejected("soap.answer", "the answer must be as the WSDL says", operation) from error
        self._breaker.succeeded()
        return Said(answer, self._transport.origin, self._transport.envelope)

    def offers(self, operation: str) -> bool:
        """Return whether the service, as its shape says, has one of the calls that the gateway makes."""
        return operation in self._shape.calls

    def _check_answers(self, operation: str) -> None:
        """Refuse an element of the WSDL that is not what this operation answers."""
        expected = self._service._binding.get(operation).output.body.qname  # noqa: SLF001  zeep shows it nowhere else
        if self._transport.element.tag != str(expected):
            raise Rejected("soap.answer", "the answer must be the operation's own", operation)

    def close(self) -> None:
        """Close the connection."""
        self._transport.http.close()


class _Transport(zeep.Transport):
    """Carries zeep's messages. One call at a time: what it has of an answer is of the latest."""

    def __init__(self, place: Place, tls: ssl.SSLContext, sign: Sign | None, verify: Verify) -> None:
        super().__init__(cache=None)  # type: ignore[no-untyped-call]
        self._sign = sign
        self._verify = verify
        self.schema: etree.XMLSchema | None = None
        self.origin = Origin("")
        self.envelope = b""
        self.element: Element = etree.Element("nothing")
        self._version = place.shape.version
        self._timeout_s = place.timeout_s
        # No redirects, no proxy from the environment: messages go to the registered service or nowhere.
        self.http = httpx.Client(verify=tls, timeout=place.timeout_s, follow_redirects=False, trust_env=False)

    def load(self, url: str) -> bytes:
        """Fetch nothing.

        Raises:
            Rejected: always; what a WSDL imports must stand in it.
        """
        del url
        raise Rejected("soap.wsdl", "the pinned WSDL must hold all that it refers to", "wsdl")

    def post(self, address: str, message: bytes, headers: dict[str, str]) -> httpx.Response:
        """Send a message and return an answer that may be read."""
        signed = self._sign(message) if self._sign else message
        fields = {"accept-encoding": "identity", "user-agent": "isnad", **headers}
        deadline = time.monotonic() + self._timeout_s
        with self.http.stream("POST", address, content=signed, headers=fields) as answer:
            # Before the body is read: after it, a connection that does not stay open is gone.
            shown = answer.extensions["network_stream"].get_extra_info("ssl_object")
            certificate = shown.getpeercert(True) or b""  # noqa: FBT003  it knows no names of arguments
            octets = bytearray()
            for chunk in answer.iter_raw():
                octets += chunk
                if len(octets) > ANSWER_MAX_BYTES:
                    raise Rejected("soap.answer", f"an answer has at most {ANSWER_MAX_BYTES} bytes")
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer took too long")
        self.origin, self.envelope = Origin(hashlib.sha256(certificate).hexdigest()), bytes(octets)
        return httpx.Response(
            answer.status_code,
            content=self._checked(answer, bytes(octets)),
            headers={"content-type": self._version.media_type},
        )

    def _checked(self, answer: httpx.Response, octets: bytes) -> bytes:
        """Return an answer as zeep may read it, held to what requests are held to.

        Raises:
            Rejected: `soap.answer`, `soap.*` as for requests, `origin.*`.
            Unavailable: it is no SOAP at all, or the server's word that it cannot answer now, in no form.
        """
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != self._version.media_type:
            raise Unavailable(
                "unavailable.recipient", f"the agency's service answered {answer.status_code}", RETRY_S
            )
        try:
            self.origin, element = said(octets, self.origin, self._verify, self._version)
        except Rejected as error:
            if answer.status_code >= TROUBLE:
                raise Unavailable("unavailable.recipient", "the agency's service is in trouble") from error
            raise
        self.element = element
        if element.tag != self._version.q("Fault") and not (self.schema and self.schema.validate(element)):
            raise Rejected(
                "soap.answer", "the answer must be as the WSDL says", etree.QName(element).localname
            )
        # Nothing around the element says anything to zeep. It is put together as text: lxml may give an element that is
        # moved into another tree a prefix that the element itself uses for something else.
        text = etree.tostring(element, method="c14n", exclusive=True, with_tail=False)
        return envelope_start(self._version) + text + ENVELOPE_END


def said(octets: bytes, origin: Origin, verify: Verify, version: Version) -> tuple[Origin, Element]:
    """Return what an answer says, and its origin, completed when it is signed: then it is what was signed.

    Raises:
        Rejected: `soap.*` as for requests, `origin.*`.
    """
    envelope = opened(octets, version)
    # A bare Timestamp, which node-soap sends back to whoever sent one, proves nothing and is passed by.
    if envelope.signed and b"SignatureValue" in octets:
        origin, signed = verify(origin, octets)
        return origin, sole(parse(signed))
    return origin, sole(envelope.body)


def _is_of(binding: etree.QName, shape: Shape) -> bool:
    return binding.localname == shape.binding if shape.binding else binding.namespace == AGENCY


def _fault(fault: zeep.exceptions.Fault) -> IsnadError:
    """Return what a fault means for us. Its text is the agency's and may hold anything, so it is not repeated."""
    code = str(fault.code or "").rpartition(":")[2]
    if code in ("Client", "Sender"):
        return Rejected("delivery.refused", "the agency's service answered with a fault of the sender's")
    return Unavailable(
        "unavailable.recipient", "the agency's service answered with a fault of its own", RETRY_S
    )
