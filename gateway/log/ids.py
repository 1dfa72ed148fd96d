"""Record ids as the store has them: 16 bytes each."""

from __future__ import annotations

from collections.abc import Sequence

_BYTES = 16


def id_octets(record_id: str) -> bytes:
    """Return the 16 bytes of what is known to be a record id."""
    return bytes.fromhex(record_id.replace("-", ""))


def ids_octets(record_ids: Sequence[str]) -> list[bytes]:
    """Return the 16 bytes of each of what are known to be record ids, for a fourth of what each takes by itself."""
    octets = bytes.fromhex("".join(record_ids).replace("-", ""))
    return [octets[at : at + _BYTES] for at in range(0, len(octets), _BYTES)]


def octets_of(record_id: str) -> bytes:
    """Return the 16 bytes of a record id.

    Raises:
        ValueError: not a UUID in its canonical text.
    """
    octets = id_octets(record_id)
    if text_of(octets) != record_id:
        raise ValueError("a record id is a UUID")
    return octets


def is_record_id(text: str) -> bool:
    """Tell whether a text could be a record id."""
    try:
        octets_of(text)
    except ValueError:
        return False
    return True


def text_of(octets: bytes) -> str:
    """Return the record id of 16 bytes."""
    digits = octets.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
