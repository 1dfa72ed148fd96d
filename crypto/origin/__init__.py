"""Origin signatures: proof, beyond the connection, that a submission's body is its sender's.

Three schemes. Two are over a body that may be streamed and longer than memory, the third over its SHA-256:

- `http-signature`: HTTP message signatures (RFC 9421) over a Content-Digest (RFC 9530). Binds method and target
  too, and is refused before the body is read unless the signature itself holds.
- `jws`: a detached JWS with unencoded payload (RFC 7515 appendix F, RFC 7797). Binds the body alone.

- `cms`: a detached CMS signature (RFC 5652) beside a file.

All are subsets on purpose: what two implementations could read differently is refused, never guessed.
"""

from crypto.origin.proof import (
    RSA_MIN_BITS,
    OriginError,
    OriginKey,
    OriginProof,
    Request,
    Verification,
    load_key,
)
from crypto.origin.verify import begin

__all__ = [
    "RSA_MIN_BITS",
    "OriginError",
    "OriginKey",
    "OriginProof",
    "Request",
    "Verification",
    "begin",
    "load_key",
]
