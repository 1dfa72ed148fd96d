"""The two ways in which crypto says no: this is not what was sealed, or the keys cannot be reached."""

from typing import Literal

Check = Literal[
    "message",  # the queue message: size, form, encodings
    "header",  # the batch header
    "suite",  # an algorithm suite the reader's configuration does not accept
    "recipient",  # not sealed for this reader
    "lane",  # a lane the reader does not expect, or another lane's origin
    "note",  # the form of a checkpoint or of the signed note around it
    "signature",  # a signature is missing or wrong
    "tree",  # the entries are not the ones under the signed root
    "consistency",  # a tree that does not prove that it continues an earlier one
    "history",  # two believable checkpoints of one lane that cannot both be true: evidence against the log
    "key",  # the wrapped batch key does not open
    "ciphertext",  # a record does not decrypt
    "entry",  # a log entry that is not in its one permitted form
    "commitment",  # the record is not the one its entry commits to
    "agreement",  # header, entry, record or receipt name different things
    "receipt",  # the form of a receipt or of the proof in it
]


class Tampered(Exception):  # noqa: N818 - the word operators and auditors use
    """Something is not what was sealed. Quarantine it and raise the alarm; a retry cannot help.

    Args:
        check: which check failed; stable, part of the public error code.
        detail: what is wrong, in words without any value from the record.
    """

    def __init__(self, check: Check, detail: str) -> None:
        super().__init__(check, detail)
        self.check: Check = check
        self.detail = detail

    @property
    def code(self) -> str:
        """The stable dotted code, such as `tampered.commitment`."""
        return f"tampered.{self.check}"

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


class KeysUnavailable(Exception):  # noqa: N818 - the word operators use
    """The keys cannot be had now. Nothing was sealed or opened; try again later."""
