"""Remembers which body an idempotency key stood for."""

from __future__ import annotations

import hmac

from crypto.errors import KeysUnavailable
from crypto.keys import PromiseKeys
from gateway.errors import Rejected, Unavailable
from gateway.log.reading import StoreRecords
from gateway.log.writing import submission_digest
from gateway.records import Submission


class StoredReplays:
    """Compares with the digest that the log keeps of each submission that was received to its end."""

    def __init__(self, records: StoreRecords, keys: PromiseKeys) -> None:
        self._records = records
        self._keys = keys

    def check(self, submission: Submission, digest: bytes) -> None:
        """Let a submission pass whose id is new, or was completed with the same body (SHA-256, 32 bytes).

        Blocks on the store.

        Raises:
            Rejected: `submission.idempotency_key_reused`: the id was completed with another body.
            Unavailable: it cannot be told now.
        """
        kept = self._records.submission_digest(submission.id, submission.sender)
        if kept is None:
            return
        try:
            key = self._keys.promise(submission.sender)
        except KeysUnavailable as error:
            raise Unavailable("unavailable.keys", str(error)) from error
        if not hmac.compare_digest(kept, submission_digest(key, digest)):
            raise Rejected(
                "submission.idempotency_key_reused", "a key stands for one body", "Idempotency-Key"
            )
