"""Numbers that look random and follow from a seed and a label: a keyed hash, counted on.

Not `random`: its sequences are not promised to stay the same from one Python to the next.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from hashlib import blake2b, shake_256
from itertools import accumulate
from typing import Generic, TypeVar

Thing = TypeVar("Thing")

_DRAW_BITS = 32
DRAWN = 1 << _DRAW_BITS
"""A draw is less than this."""
_DRAWS = struct.Struct(">16I")  # the longest digest of BLAKE2b, 64 bytes (RFC 7693 §2.1)
MILLION = 1_000_000


class Key:
    """A seed, hashed: what is drawn for a label is a hash of both."""

    __slots__ = ("_key",)

    def __init__(self, seed: str) -> None:
        self._key = blake2b(seed.encode(), digest_size=32, person=b"isnad-synth/v1").digest()

    def digest(self, label: bytes) -> bytes:
        """Return the 64 bytes of a label."""
        return blake2b(
            self._key + label
        ).digest()  # a BLAKE2 key would cost a second block, and guards nothing here

    def number(self, label: str) -> int:
        """Return 64 bits for a label: what needs one number needs no stream."""
        return int.from_bytes(self.digest(label.encode())[:8])

    def draws(self, label: str, count: int) -> tuple[int, ...]:
        """Return `count` draws of 32 bits for a label at once: some thirty times faster than one by one."""
        octets = shake_256(self._key + label.encode()).digest(count * 4)  # FIPS 202 §6.2
        return struct.unpack(f">{count}I", octets)


class Chance:
    """A stream of draws, 32 bits each; one hash gives sixteen of them."""

    __slots__ = ("_counter", "_draws", "_key", "_label")

    def __init__(self, key: Key, label: str) -> None:
        self._key = key
        self._label = label
        self._counter = 0
        self._draws: list[int] = []

    def _hashed(self) -> list[int]:
        """Return the next sixteen draws, the first of them last."""
        label = f"{self._label}/{self._counter}".encode()
        self._counter += 1
        self._draws = [*_DRAWS.unpack(self._key.digest(label))]
        self._draws.reverse()
        return self._draws

    def draw(self) -> int:
        """Return the next number of 0 to 2**32 - 1."""
        return (self._draws or self._hashed()).pop()

    def below(self, limit: int) -> int:
        """Return a number of 0 to `limit` - 1, for a `limit` up to 2**31; the bias is under limit / 2**32."""
        return (self._draws or self._hashed()).pop() * limit >> _DRAW_BITS

    def happens(self, per_million: int) -> bool:
        """Whether something happens that happens so often."""
        return (self._draws or self._hashed()).pop() * MILLION >> _DRAW_BITS < per_million

    def one_of(self, things: Sequence[Thing]) -> Thing:
        """Return one of `things`, each as likely."""
        return things[self.below(len(things))]


class Weighted(Generic[Thing]):
    """Things of which some are likelier than others."""

    __slots__ = ("_ends", "_things", "_total")

    def __init__(self, weights: Mapping[Thing, int]) -> None:
        self._things = tuple(weights)
        self._ends = list(accumulate(weights.values()))
        self._total = self._ends[-1]

    def at(self, draw: int) -> Thing:
        """Return the thing that a number of 0 to 2**32 - 1 stands for."""
        return self._things[bisect_right(self._ends, draw * self._total >> _DRAW_BITS)]
