"""Messages that leave the store: put together only then, of what was kept for them and what their lane has."""

from __future__ import annotations

from crypto.seal import encode

# All entries in one value: Python gives up its lock for each row. An entry holds no line feed: RFC 8785 escapes it.
_PARTS = """
packed,
(SELECT group_concat(CAST(octets AS TEXT), char(10))
 FROM (SELECT octets FROM entry WHERE entry.place >= {first} AND entry.place < {end} ORDER BY place)),
(SELECT note FROM checkpoint WHERE checkpoint.place = {end})
"""


def body_parts(first: str, count: str) -> str:
    """Return the SQL columns of which `message_body` makes a message, in a query with a column `packed`.

    `first` and `count` are SQL for the place of the message's first record and for their number.
    """
    return _PARTS.format(first=first, end=f"{first} + {count}")


def message_body(packed: bytes, entries: str, note: str) -> bytes:
    """Return a batch's queue message, of the columns that `body_parts` names."""
    return encode(packed, entries.split("\n"), note)
