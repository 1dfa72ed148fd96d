"""Binary in text, strictly: exactly one text for every octet string, and every other text refused."""

from binascii import Error

from pybase64 import b64decode, b64encode_as_string

_URL = b"-_"  # in the place of "+/" (RFC 4648 §5)


def b64url(octets: bytes) -> str:
    """Encode as base64url without padding (RFC 4648 §5)."""
    return b64encode_as_string(octets, _URL).rstrip("=")


def from_b64url(text: str) -> bytes:
    """Decode what `b64url` makes, and nothing else.

    Raises:
        ValueError: another alphabet, padding, white space, or unused bits that are not zero.
    """
    if "+" in text or "/" in text:
        raise ValueError("not base64url")
    octets = _decode(text + "=" * (-len(text) % 4), _URL)
    if b64url(octets) != text:
        raise ValueError("not base64url")
    return octets


def b64(octets: bytes) -> str:
    """Encode as padded base64 (RFC 4648 §4), the form the C2SP formats use."""
    return b64encode_as_string(octets)


def from_b64(text: str) -> bytes:
    """Decode what `b64` makes, and nothing else.

    Raises:
        ValueError: another alphabet, missing padding, white space, or unused bits that are not zero.
    """
    octets = _decode(text)
    if b64(octets) != text:
        raise ValueError("not base64")
    return octets


def hash_from_b64url(text: str) -> bytes:
    """Decode a SHA-256 value, 32 bytes.

    Raises:
        ValueError: as for `from_b64url`, or another length.
    """
    return _hash(from_b64url(text))


def hash_from_b64(text: str) -> bytes:
    """Decode a SHA-256 value, 32 bytes.

    Raises:
        ValueError: as for `from_b64`, or another length.
    """
    return _hash(from_b64(text))


def _decode(text: str, others: bytes | None = None) -> bytes:
    try:
        return b64decode(text, others, validate=True)
    except (Error, ValueError) as error:
        raise ValueError("not base64") from error


def _hash(octets: bytes) -> bytes:
    if len(octets) != 32:  # noqa: PLR2004 - the length of SHA-256
        raise ValueError("not a SHA-256 value")
    return octets
