"""What it would cost to sign and encrypt each record on its own, which is what batches are for."""

from __future__ import annotations

import os
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jwe, jws
from joserfc.jwk import ECKey

from benchmarks.figures import Figure, rate
from benchmarks.records import CANONICAL_BYTES
from crypto.hpke import PrivateKey, Suite, wrap

UNIT = "records/s per core"


def run() -> list[Figure]:
    """Measure, in processor time of one core; takes about ten seconds."""
    octets = os.urandom(CANONICAL_BYTES)
    ours, theirs = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
    seal, sign = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM"}, {"alg": "ES256"}

    def made() -> str:
        return jwe.encrypt_compact(seal, jws.serialize_compact(sign, octets, ours), theirs)

    message = made()

    def opened() -> None:
        jws.deserialize_compact(jwe.decrypt_compact(message, theirs).plaintext or b"", ours)

    bare = Ed25519PrivateKey.generate()
    limit, best = "one Ed25519 signature alone", rate(lambda: bare.sign(octets), 1)
    return [
        Figure("one by one: JWS + JWE, made", rate(made, 1), UNIT, limit, best),
        Figure("one by one: JWS + JWE, opened", rate(opened, 1), UNIT, limit, best),
        Figure(
            "one by one: hybrid signature and encryption, made", rate(_hybrid(octets), 1), UNIT, limit, best
        ),
    ]


def _hybrid(octets: bytes) -> Callable[[], object]:
    """Return what the hybrid suite would do for a record on its own."""
    ed25519, mldsa44 = Ed25519PrivateKey.generate(), MLDSA44PrivateKey.generate()
    recipient = PrivateKey.from_seed("nea-1", Suite.HYBRID, os.urandom(32)).public()

    def made() -> object:
        key = os.urandom(32)
        sealed = AESGCM(key).encrypt(bytes(12), octets, b"")
        return wrap(recipient, b"", key), ed25519.sign(sealed), mldsa44.sign(sealed)

    return made
