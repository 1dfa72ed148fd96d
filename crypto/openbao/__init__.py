"""Keys kept by OpenBao or Vault: implements the seam of `crypto.keys`.

connection.py   one pool of TLS connections, timeouts, errors
session.py      logged in as one process, and staying so
signer.py       checkpoints signed by the transit engine
messages.py     SOAP messages signed by the transit engine
decryption.py   what agencies encrypt for the gateway, decrypted by it
certified.py    certificates for keys that stay there
kv.py           lane secrets and recipients' keys
prepare.py      an empty server made ready, and processes let in
log_keys.py     the keys that sign the log, shown and rotated
"""

from crypto.openbao.connection import Administrator, Connection, OpenBao
from crypto.openbao.kv import LanePromises, LanePseudonyms, Recipients, Seeds
from crypto.openbao.session import Borrowed, Health, Login, Session, wrapping_token
from crypto.openbao.signer import TransitLogKeys, TransitSigner

__all__ = [
    "Administrator",
    "Borrowed",
    "Connection",
    "Health",
    "LanePromises",
    "LanePseudonyms",
    "Login",
    "OpenBao",
    "Recipients",
    "Seeds",
    "Session",
    "TransitLogKeys",
    "TransitSigner",
    "wrapping_token",
]
