"""Numbers that look random and follow from a seed and a label: a keyed hash, counted on.

Not `random`: its sequences are not promised to stay the same from one Python to the next.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import Generic, TypeVar

Thing = TypeVar("Thing")

_BLOCK_BYTES = 64  # the longest digest of BLAKE2b (RFC 7693 §2.1)
_DRAW_BITS = 32
_DRAW = (1 << _DRAW_BITS) - 1
_DRAWS = _BLOCK_BYTES * 8 // _DRAW_BITS
MILLION = 1_000_000


class Chance:
    """A stream of draws, 32 bits each; one hash gives sixteen of them."""

    __slots__ = ("_bits", "_counter", "_key", "_label", "_left")

    def __init__(self, key: bytes, label: str) -> None:
        self._key = key
        self._label = label
        self._counter = 0
        self._left = 0
        self._bits = 0

    def draw(self) -> int:
        """Return the next number of 0 to 2**32 - 1."""
        if not self._left:
            text = f"{self._label}/{self._counter}".encode()
            self._bits = int.from_bytes(blake2b(text, key=self._key, digest_size=_BLOCK_BYTES).digest())
            self._counter += 1
            self._left = _DRAWS
        self._left -= 1
        found = self._bits & _DRAW
        self._bits >>= _DRAW_BITS
        return found

    def below(self, limit: int) -> int:
        """Return a number of 0 to `limit` - 1, for a `limit` up to 2**31; the bias is under limit / 2**32."""
        return self.draw() * limit >> _DRAW_BITS

    def happens(self, per_million: int) -> bool:
        """Whether something happens that happens so often."""
        return self.draw() * MILLION >> _DRAW_BITS < per_million

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


def key_of(seed: str) -> bytes:
    """Return the 32-byte key of a seed, whatever text it is."""
    return blake2b(seed.encode(), digest_size=32, person=b"isnad-synth/v1").digest()


def small_hash(key: bytes, label: str) -> int:
    """Return 64 bits for a label: what needs one number needs no stream."""
    return int.from_bytes(blake2b(label.encode(), key=key, digest_size=8).digest())
