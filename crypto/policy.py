"""A log policy as a file: what an outsider needs, beside a record and its receipt, to verify offline.

JSON: `{"keys": [<vkey>, ...], "origin": <origin>, "suite": "hybrid" | "classical"}`. A vkey is the C2SP
verifier key `<name>+<key ID, 8 hex digits>+base64(type ‖ public key)`, so the file shows the key IDs that the
notes name.
"""

from typing import Annotated

import msgspec

from crypto.canonical import canonical
from crypto.encoding import b64, from_b64
from crypto.hpke import Suite
from crypto.note import ED25519, MLDSA44, LogPolicy, key_id

POLICY_MAX_BYTES = 64 * 1024
_MAX_KEYS = 16


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: Annotated[tuple[str, ...], msgspec.Meta(max_length=_MAX_KEYS)]
    origin: str
    suite: Suite


def encode_vkey(name: str, kind: int, public: bytes) -> str:
    """Encode a raw public key of a signature type as a verifier key (C2SP signed-note).

    Raises:
        ValueError: the key has another length than its type's.
    """
    return f"{name}+{key_id(name, kind, public).hex()}+{b64(bytes([kind]) + public)}"


def decode_vkey(vkey: str) -> tuple[str, int, bytes]:
    """Return name, signature type and raw public key of a verifier key.

    Raises:
        ValueError: malformed, a type other than Ed25519 and ML-DSA-44, or a key ID that is not the key's.
    """
    name, _, rest = vkey.partition("+")
    identifier, _, encoded = rest.partition("+")
    octets = from_b64(encoded)
    kind, public = (octets[0], octets[1:]) if octets else (0, b"")
    if kind not in (ED25519, MLDSA44):
        raise ValueError("a verifier key of an unknown signature type")
    if key_id(name, kind, public).hex() != identifier:
        raise ValueError("a verifier key with another key's ID")
    return name, kind, public


def policy_to_json(policy: LogPolicy) -> bytes:
    """Encode a policy as a file."""
    known = policy.known()
    keys: list[object] = [encode_vkey(name, kind, public) for (name, _), (kind, public) in known.items()]
    return canonical({"keys": keys, "origin": policy.origin, "suite": policy.suite.value})


def policy_from_json(octets: bytes) -> LogPolicy:
    """Decode a policy file.

    Raises:
        ValueError: more than 64 KiB, not such a file, or a key that is not this log's.
    """
    if len(octets) > POLICY_MAX_BYTES:
        raise ValueError("a policy file has at most 64 KiB")
    file = msgspec.json.decode(octets, type=_File)  # its errors are ValueErrors
    keys = [decode_vkey(vkey) for vkey in file.keys]
    policy = LogPolicy(
        file.origin,
        file.suite,
        tuple(public for _, kind, public in keys if kind == ED25519),
        tuple(public for _, kind, public in keys if kind == MLDSA44),
    )
    if {(name, public) for name, _, public in keys} != {
        (name, public) for (name, _), (_, public) in policy.known().items()
    }:
        raise ValueError("a policy file with a key under another log's name")
    return policy
