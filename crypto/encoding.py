"""Binary in text, strictly: exactly one text for every octet string, and every other text refused."""

from binascii import Error, a2b_base64, b2a_base64

# Maps base64url to base64; "+", "/" and "=" become "!", which strict decoding refuses.
_FROM_URL = bytes.maketrans(b"-_+/=", b"+/!!!")
# The characters that may stand last, by length mod 4: those whose unused bits are zero (RFC 4648 §3.5).
_LAST = {2: b"AQgw", 3: b"AEIMQUYcgkosw048"}
_PADDING = {0: b"", 2: b"==", 3: b"="}


def b64url(octets: bytes) -> str:
    """Encode as base64url without padding (RFC 4648 §5)."""
    written = b2a_base64(octets, newline=False).decode("ascii")
    return written.rstrip("=").replace("+", "-").replace("/", "_")


def from_b64url(text: str) -> bytes:
    """Decode what `b64url` makes, and nothing else.

    Raises:
        ValueError: another alphabet, padding, white space, or unused bits that are not zero.
    """
    octets = text.encode("ascii", "replace").translate(_FROM_URL)
    tail = len(octets) % 4
    if tail == 1 or (tail and text[-1].encode("ascii", "replace") not in _LAST[tail]):
        raise ValueError("not base64url")
    return _decode(octets + _PADDING[tail])


def b64(octets: bytes) -> str:
    """Encode as padded base64 (RFC 4648 §4), the form the C2SP formats use."""
    return b2a_base64(octets, newline=False).decode("ascii")


def from_b64(text: str) -> bytes:
    """Decode what `b64` makes, and nothing else.

    Raises:
        ValueError: another alphabet, missing padding, white space, or unused bits that are not zero.
    """
    octets = _decode(text.encode("ascii", "replace"))
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


def _decode(octets: bytes) -> bytes:
    try:
        return a2b_base64(octets, strict_mode=True)
    except Error as error:
        raise ValueError("not base64") from error


def _hash(octets: bytes) -> bytes:
    if len(octets) != 32:  # noqa: PLR2004 - the length of SHA-256
        raise ValueError("not a SHA-256 value")
    return octets
