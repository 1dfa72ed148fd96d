"""What reads octets of strangers: whatever comes, and however it is cut, it is read or refused."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from encrypted_parts import Encryption
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from signed_parts import certificate
from support.soap import enveloped, message

from adapters.soap.envelope import Version, kind_of, opened
from adapters.soap.multipart import Multipart
from crypto.origin import OriginError, wsse, xml_encryption
from crypto.origin.envelope import WSSE
from crypto.origin.xml_signature import DS
from gateway.demo.pki import Authority
from gateway.errors import Rejected

BOUNDARY = "edge"
CUTS = st.lists(st.integers(1, 40), min_size=1, max_size=200)
# What looks like a boundary and is none, as often as anything else.
CONTENT = (
    st.lists(
        st.one_of(
            st.binary(max_size=20),
            st.sampled_from([b"\r\n--edg", b"\r\n--", b"--edge", b"\r", b"\n--edge\r\n"]),
        ),
        max_size=12,
    )
    .map(b"".join)
    .filter(lambda content: b"\r\n--edge" not in content)
)


async def cut(octets: bytes, sizes: list[int]) -> AsyncIterator[bytes]:
    at = 0
    while at < len(octets):
        size = sizes[at % len(sizes)]
        yield octets[at : at + size]
        at += size


async def parts_of(octets: bytes, sizes: list[int]) -> list[bytes]:
    parts = Multipart(aiter(cut(octets, sizes)), BOUNDARY)
    await parts.open()
    found = []
    while await parts.headers() is not None:
        found.append(b"".join([chunk async for chunk in parts.content()]))
    return found


def refusal(read: Callable[[], object]) -> str:
    """Return the code with which something was refused, or nothing when it was read."""
    try:
        read()
    except Rejected as error:
        return error.code
    return ""


@given(CONTENT, CONTENT, CUTS)
def test_parts_are_what_was_packed_however_it_arrives(first: bytes, second: bytes, sizes: list[int]) -> None:
    body = b"--edge\r\nContent-ID: <a>\r\n\r\n%b\r\n--edge\r\n\r\n%b\r\n--edge--" % (first, second)
    assert asyncio.run(parts_of(body, sizes)) == [first, second]


@given(
    st.lists(st.sampled_from([b"--edge", b"\r\n", b"--", b"A: b", b": ", b"\x00", b"x" * 50]), max_size=60),
    CUTS,
)
def test_what_is_no_multipart_is_refused(pieces: list[bytes], sizes: list[int]) -> None:
    assert refusal(lambda: asyncio.run(parts_of(b"".join(pieces), sizes))) in {"", "soap.attachment"}


@given(st.text(max_size=80), st.one_of(st.none(), st.text(max_size=40)))
def test_any_header_field_is_read_or_refused(content_type: str, action: str | None) -> None:
    assert refusal(lambda: kind_of(content_type, action)) in {"", "soap.media_type", "soap.action"}


PIECES = st.lists(
    st.sampled_from(
        [
            "<s:Body>",
            "</s:Body>",
            "<s:Header/>",
            "<s:Header>",
            "</s:Header>",
            "<m/>",
            "<!-- -->",
            "<?x?>",
            "&lt;",
            "&x;",
        ]
    ),
    max_size=8,
)


@given(PIECES)
def test_any_envelope_is_read_or_refused(pieces: list[str]) -> None:
    octets = f'<s:Envelope xmlns:s="{Version.V11.value}">{"".join(pieces)}</s:Envelope>'.encode()
    assert refusal(lambda: opened(octets, Version.V11)) in {"", "soap.envelope"}


@given(st.binary(max_size=200), st.integers(0, 300))
def test_whatever_is_put_into_an_envelope_proves_nothing(junk: bytes, at: int) -> None:
    envelope = enveloped(message(operation="ping"))
    with pytest.raises(OriginError):
        wsse.verify(
            envelope[:at] + junk + envelope[at:], lambda _: pytest.fail("no certificate is in it"), 0.0
        )


KEY = rsa.generate_private_key(65537, 2048)
OAEP = padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)
CERTIFICATE = certificate(Authority("Of the key"), KEY).public_bytes(Encoding.PEM).decode()
PLAIN = enveloped(
    message(operation="ping"),
    header=f'<w:Security xmlns:w="{WSSE}"><d:Signature xmlns:d="{DS}"/></w:Security>',
)
ENCRYPTED = Encryption(CERTIFICATE, signature_too=False).of(PLAIN)
NAMES = sorted(set(re.findall(rb"[A-Za-z]{4,}|[#:/\"<>=]", ENCRYPTED)))


def unwrap(wrapped: bytes) -> bytes | None:
    try:
        return KEY.decrypt(wrapped, OAEP)
    except ValueError:
        return None


def decrypted(envelope: bytes) -> etree._Element | str:
    """Return what stands there then, or why not."""
    try:
        octets = xml_encryption.decrypt(envelope, unwrap)
    except OriginError as error:
        return error.reason
    return etree.fromstring(octets)


def tags(root: etree._Element) -> list[str]:
    return [str(node.tag) for node in root.iter()]


def test_what_is_encrypted_is_decrypted_in_its_place() -> None:
    assert tags(decrypted(ENCRYPTED)) == tags(etree.fromstring(PLAIN))


REASONS = {"malformed", "ambiguous", "not_covered", "wrong_algorithm", "undecryptable"}


@given(st.sampled_from(NAMES), st.sampled_from([*NAMES, b"", b"&lt;", b"<x/>", b"\xff"]), st.integers(1, 3))
def test_any_encrypted_envelope_is_decrypted_or_refused(name: bytes, other: bytes, many: int) -> None:
    """Names, quotes and brackets are put in the place of each other."""
    read = decrypted(ENCRYPTED.replace(name, other, many))
    assert read in REASONS if isinstance(read, str) else tags(read)[-1].endswith("ping")


@given(
    st.one_of(st.binary(max_size=200), st.sampled_from([b"</s:Body>", b"<s:Body/>", b"a", b"<!-- -->", b""]))
)
def test_what_was_encrypted_cannot_leave_its_place(junk: bytes) -> None:
    """Whatever the plaintext is, the envelope around it stays what it was."""
    how = Encryption(CERTIFICATE, signature_too=False)
    root = how.within(etree.fromstring(PLAIN))
    root[1].replace(root[1][0], how.data("ED-body", xml_encryption.CONTENT, junk))
    read = decrypted(etree.tostring(root))
    assert (
        read == "undecryptable"
        if isinstance(read, str)
        else [one.tag for one in read] == [one.tag for one in root]
    )
