"""Checkpoints as signed notes (C2SP signed-note, tlog-checkpoint, tlog-cosignature), and whom to believe.

A checkpoint carries two signatures: Ed25519 (type 0x01) under the log's origin as key name, and for the
hybrid suite an ML-DSA-44 timestamped cosignature (type 0x06) under `<origin>/seal`. Others, such as
witnesses', may stand beside them and are ignored here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from crypto.encoding import b64, from_b64, hash_from_b64
from crypto.errors import Tampered
from crypto.hpke import Suite
from crypto.merkle import EMPTY_ROOT, HASH_BYTES, MAX_SIZE

ED25519, MLDSA44 = 0x01, 0x06  # signature types, C2SP signed-note
_KEY_BYTES = {ED25519: 32, MLDSA44: 1312}
_SIGNATURE_BYTES = {ED25519: 64, MLDSA44: 8 + 2420}
NOTE_MAX_BYTES = 128 * 1024  # 16 cosignatures of nearly 5 kB each, base64, must be accepted (signed-note)
NOTE_MAX_SIGNATURES = 64
_SEAL = "/seal"
_ORIGIN_MAX_BYTES = 200  # with "/seal" it must fit the one-byte length of tlog-cosignature
# Key names hold no Unicode space and no plus; control characters have no place in a note. As every other part
# of a checkpoint is a decimal or base64, no control character gets past its parsers.
_NAME = re.compile(r"[^\s+\x00-\x20\x7f]+")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The claim that the log `origin` has `size` entries under `root` (32 bytes).

    Raises:
        ValueError: an origin that cannot be a key name or exceeds 200 bytes, a size beyond 63 bits, a root of
            another length, or a root other than the empty tree's at size 0.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        _check_origin(self.origin)
        if not 0 <= self.size <= MAX_SIZE or len(self.root) != HASH_BYTES:
            raise ValueError("a checkpoint has a size of 63 bits and a root of 32 bytes")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise ValueError("an empty tree has one root")

    def body(self) -> str:
        """The note text: origin, decimal size and base64 root, each on a line (C2SP tlog-checkpoint)."""
        return f"{self.origin}\n{self.size}\n{b64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class LogPolicy:
    """Which signatures make a checkpoint of `origin` believable.

    Every key version still accepted is listed, raw: Ed25519 32 bytes, ML-DSA-44 1,312 bytes. The hybrid suite
    demands a valid signature of each kind, the classical suite one by Ed25519.

    Raises:
        ValueError: no key for a signature that the suite demands, a key of another length, or two with one
            key ID.
    """

    origin: str
    suite: Suite
    ed25519: tuple[bytes, ...] = field(repr=False)
    mldsa44: tuple[bytes, ...] = field(repr=False, default=())

    def __post_init__(self) -> None:
        _check_origin(self.origin)
        if not self.ed25519 or (self.suite == Suite.HYBRID and not self.mldsa44):
            raise ValueError(f"a {self.suite} policy needs a key for every signature it demands")
        if len(self.known()) != len(self.ed25519) + len(self.mldsa44):
            raise ValueError("two keys of a policy share a key ID")

    def known(self) -> dict[tuple[str, bytes], tuple[int, bytes]]:
        """The trusted keys: key name and key ID to signature type and raw public key."""
        keys = {}
        for kind, raws in ((ED25519, self.ed25519), (MLDSA44, self.mldsa44)):
            name = _key_name(self.origin, kind)
            for raw in raws:
                keys[name, key_id(name, kind, raw)] = (kind, raw)
        return keys

    def demanded(self) -> frozenset[int]:
        """The signature types of which one valid signature each must be there."""
        return frozenset((ED25519, MLDSA44) if self.suite == Suite.HYBRID else (ED25519,))


def ed25519_message(checkpoint: Checkpoint) -> bytes:
    """What the Ed25519 key signs: the note text (C2SP signed-note)."""
    return checkpoint.body().encode()


def mldsa44_message(checkpoint: Checkpoint, time_s: int) -> bytes:
    """What the ML-DSA-44 key signs, with an empty context: a `cosigned_message` (C2SP tlog-cosignature).

    `time_s` is the POSIX time of the signature.
    """
    name, origin = (checkpoint.origin + _SEAL).encode(), checkpoint.origin.encode()
    return b"".join(
        (
            b"subtree/v1\n\x00",
            bytes([len(name)]) + name,
            time_s.to_bytes(8, "big"),
            bytes([len(origin)]) + origin,
            bytes(8),  # start: a checkpoint's subtree begins at the first leaf
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def assemble(
    checkpoint: Checkpoint, ed25519: tuple[bytes, bytes], mldsa44: tuple[bytes, int, bytes] | None = None
) -> str:
    """Put a checkpoint and its signatures together as a signed note.

    Args:
        checkpoint: what was signed.
        ed25519: raw public key (32 bytes) and signature (64 bytes) over `ed25519_message`.
        mldsa44: raw public key (1,312 bytes), POSIX time in seconds and signature (2,420 bytes) over
            `mldsa44_message` at that time; None for the classical suite.
    """
    lines = [_signature_line(checkpoint.origin, ED25519, *ed25519)]
    if mldsa44 is not None:
        public, time_s, signature = mldsa44
        lines.append(
            _signature_line(checkpoint.origin, MLDSA44, public, time_s.to_bytes(8, "big") + signature)
        )
    return checkpoint.body() + "\n" + "".join(lines)


def verify(note: str, policy: LogPolicy) -> Checkpoint:
    """Return the checkpoint of a signed note, if the policy makes it believable.

    Raises:
        Tampered: `note` if the text is malformed, `lane` if it is another log's, `signature` if a signature
            that the policy demands is missing or one by a trusted key is wrong.
    """
    text, lines = _split(note)
    checkpoint = parse_checkpoint(text)
    if checkpoint.origin != policy.origin:
        raise Tampered("lane", "the checkpoint is of another log")
    known = policy.known()
    valid: set[int] = set()
    seen: set[tuple[str, bytes]] = set()
    for name, identifier, signature in _signatures(lines):
        trusted = known.get((name, identifier))
        if trusted is None:
            continue  # signed-note: signatures by unknown keys are ignored
        if (name, identifier) in seen:
            raise Tampered("note", "two signatures by one key")
        seen.add((name, identifier))
        kind, public = trusted
        _verify_signature(kind, public, signature, checkpoint)
        valid.add(kind)
    if not policy.demanded() <= valid:
        raise Tampered("signature", "a signature that the policy demands is missing")
    return checkpoint


def parse_checkpoint(text: str) -> Checkpoint:
    """Parse a note text of exactly three lines. It proves nothing until a signature over it was verified.

    Raises:
        Tampered: (`note`) anything else, extension lines included: the ML-DSA-44 cosignature would not cover
            them.
    """
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not _DECIMAL.fullmatch(lines[1]):  # noqa: PLR2004 - and the end
        raise Tampered("note", "the checkpoint is malformed")
    try:
        return Checkpoint(lines[0], int(lines[1]), hash_from_b64(lines[2]))
    except ValueError as error:
        raise Tampered("note", "the checkpoint is malformed") from error


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """The 4-byte key ID (C2SP signed-note).

    Raises:
        ValueError: `public` is not a raw key of this signature type.
    """
    if len(public) != _KEY_BYTES[kind]:
        raise ValueError(f"a public key of type {kind:#04x} is {_KEY_BYTES[kind]} bytes")
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def _key_name(origin: str, kind: int) -> str:
    return origin + _SEAL if kind == MLDSA44 else origin


def _signature_line(origin: str, kind: int, public: bytes, signature: bytes) -> str:
    if len(signature) != _SIGNATURE_BYTES[kind]:
        raise ValueError(f"a signature of type {kind:#04x} is {_SIGNATURE_BYTES[kind]} bytes")
    name = _key_name(origin, kind)
    return f"— {name} {b64(key_id(name, kind, public) + signature)}\n"


def _split(note: str) -> tuple[str, list[str]]:
    """Part a note into its text, newline included, and its signature lines."""
    # Counted in characters first: encoding an endless string only to refuse it would cost its memory again.
    if len(note) > NOTE_MAX_BYTES:
        raise Tampered("note", "the note is too large")
    try:
        octets = note.encode()
    except UnicodeEncodeError as error:
        raise Tampered("note", "the note is not UTF-8") from error
    if len(octets) > NOTE_MAX_BYTES:
        raise Tampered("note", "the note is too large")
    text, separator, signatures = note.rpartition("\n\n")
    lines = signatures.split("\n")
    if not separator or len(lines) < 2 or lines.pop():  # noqa: PLR2004 - a signature and the end
        raise Tampered("note", "the note has no signatures")
    if len(lines) > NOTE_MAX_SIGNATURES:
        raise Tampered("note", "the note has too many signatures")
    return text + "\n", lines


def _signatures(lines: list[str]) -> Iterator[tuple[str, bytes, bytes]]:
    """Parse signature lines into key name, key ID and signature."""
    for line in lines:
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "—" or not _NAME.fullmatch(parts[1]):  # noqa: PLR2004
            raise Tampered("note", "a signature line is malformed")
        try:
            blob = from_b64(parts[2])
        except ValueError as error:
            raise Tampered("note", "a signature line is malformed") from error
        if len(blob) <= 4:  # noqa: PLR2004 - nothing after the key ID
            raise Tampered("note", "a signature line is malformed")
        yield parts[1], blob[:4], blob[4:]


def _verify_signature(kind: int, public: bytes, signature: bytes, checkpoint: Checkpoint) -> None:
    if len(signature) != _SIGNATURE_BYTES[kind]:
        raise Tampered("signature", "a checkpoint signature has the wrong length")
    try:
        if kind == ED25519:
            _ed25519(public).verify(signature, ed25519_message(checkpoint))
            return
        time_s = int.from_bytes(signature[:8], "big")
        if time_s > MAX_SIZE:  # tlog-cosignature: timestamps do not exceed 2^63 - 1
            raise Tampered("signature", "a checkpoint signature states an impossible time")
        _mldsa44(public).verify(signature[8:], mldsa44_message(checkpoint, time_s))
    except InvalidSignature as error:
        raise Tampered("signature", "a checkpoint signature is wrong") from error


def _check_origin(origin: str) -> None:
    if not _NAME.fullmatch(origin) or len(origin.encode()) > _ORIGIN_MAX_BYTES:
        raise ValueError("an origin is a key name of at most 200 bytes")


@lru_cache(maxsize=64)
def _ed25519(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)


@lru_cache(maxsize=64)
def _mldsa44(public: bytes) -> MLDSA44PublicKey:
    return MLDSA44PublicKey.from_public_bytes(public)
