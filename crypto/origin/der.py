"""DER (ITU-T X.690 §10), as far as signatures need it: one value after the other, definite lengths, nothing lenient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SEQUENCE, SET, OID, OCTETS, INTEGER = 0x30, 0x31, 0x06, 0x04, 0x02
LENGTH_MAX_OCTETS = 3
"""A length of up to 16 MiB; everything that is read here is limited to less before."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value: its tag, its content, and all of it as it was encoded."""

    tag: int
    content: bytes
    encoded: bytes

    def inside(self) -> tuple[Value, ...]:
        """Return the values that a constructed value holds.

        Raises:
            ValueError: its content is not DER.
        """
        return tuple(values(self.content))


def only(octets: bytes, tag: int) -> Value:
    """Return the one value that octets hold, which has this tag.

    Raises:
        ValueError: it is something else.
    """
    found = tuple(values(octets))
    if len(found) != 1 or found[0].tag != tag:
        raise ValueError("one DER value of another kind")
    return found[0]


def values(octets: bytes) -> Iterator[Value]:
    """Yield the values that stand in octets, one after the other.

    Raises:
        ValueError: they are not DER.
    """
    at = 0
    while at < len(octets):
        begin = at
        if len(octets) < at + 2 or octets[at] & 0x1F == 0x1F:  # noqa: PLR2004  a tag of several octets: none is used here
            raise ValueError("not DER")
        tag, length = octets[at], octets[at + 1]
        at += 2
        if length >= 0x80:  # noqa: PLR2004  X.690 §8.1.3.5: the long form
            count = length & 0x7F
            long = octets[at : at + count]
            length = int.from_bytes(long, "big")
            # The indefinite form, leading zeros, and the long form for what is short are BER.
            if not 0 < count <= LENGTH_MAX_OCTETS or not long or not long[0] or length < 0x80:  # noqa: PLR2004
                raise ValueError("not DER")
            at += count
        content = octets[at : at + length]
        at += length
        if len(content) != length:
            raise ValueError("cut short")
        yield Value(tag, content, octets[begin:at])
