"""Brings SOAP messages that agencies encrypted for the gateway back to what they signed; the key server decrypts."""

from __future__ import annotations

from crypto.errors import KeysUnavailable
from crypto.openbao.decryption import EnvelopeKey
from crypto.origin import OriginError, xml_encryption
from gateway.errors import Unavailable
from gateway.signatures import rejected


class MessageDecryption:
    """Implements `doors.Decryption`."""

    def __init__(self, key: EnvelopeKey) -> None:
        self._key = key

    def decrypt(self, envelope: bytes) -> bytes:
        """See `doors.Decryption.decrypt`."""
        try:
            return xml_encryption.decrypt(envelope, self._key.unwrap)
        except OriginError as error:
            raise rejected(error) from error
        except KeysUnavailable as error:
            raise Unavailable("unavailable.keys", str(error)) from error

    def certificate(self) -> str:
        """See `doors.Decryption.certificate`."""
        try:
            return self._key.certificate()
        except KeysUnavailable as error:
            raise Unavailable("unavailable.keys", str(error)) from error
