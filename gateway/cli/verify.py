"""`isnad verify`: check a receipt with the record it is for, offline, with nothing but files."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from crypto.batch import RECORD_MAX_BYTES
from crypto.encoding import b64url
from crypto.entry import Entry
from crypto.errors import Tampered
from crypto.note import Checkpoint
from crypto.policy import POLICY_MAX_BYTES, policy_from_json
from crypto.receipt import RECEIPT_MAX_BYTES, Receipt, verify_logged, verify_receipt
from gateway.cli._lanes import printable
from gateway.codes import CODES

EXIT_REFUTED = 1
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("verify")
@click.argument("receipt", type=_FILE)
@click.option("--record", type=_FILE, help="The canonical record, octet for octet.")
@click.option("--source", type=_FILE, help="The record as it stood in the submission, octet for octet.")
@click.option("--policy", type=_FILE, required=True, help="The lane's policy: its origin and public keys.")
def verify(receipt: Path, record: Path | None, source: Path | None, policy: Path) -> None:
    """Check RECEIPT with the record it is for. Nothing is contacted. Exit status 1 if it does not hold.

    Give the record in one form or in both.
    """
    if record is None and source is None:
        raise click.UsageError("--record, --source or both: a receipt is for a record")
    try:
        believed = policy_from_json(_octets(policy, POLICY_MAX_BYTES))
    except ValueError as error:
        raise click.ClickException(f"{policy}: {error}") from error
    try:
        held = Receipt.from_json(_octets(receipt, RECEIPT_MAX_BYTES))
        entry = verify_receipt(
            held,
            believed,
            octets=None if record is None else _octets(record, RECORD_MAX_BYTES),
            source=None if source is None else _octets(source, RECORD_MAX_BYTES),
        )
        checkpoint = verify_logged(held, believed)
    except Tampered as error:
        code = CODES[error.code]
        click.echo(f"NOT proven. {code.en} ({error.code}): {error.detail}.")
        click.echo(f"لم يثبت. {code.ar} ({error.code}).")
        sys.exit(EXIT_REFUTED)
    click.echo(_proven(entry, held.index, checkpoint))


def _proven(entry: Entry, index: int, checkpoint: Checkpoint) -> str:
    root = b64url(checkpoint.root)
    return (
        f"Proven. {entry.sender} handed this record over to {entry.recipient} under {entry.contract}, with"
        f" the reference {printable(entry.source_ref)}; the gateway received it at {entry.time}.\n"
        f"It is entry {index} of the log {checkpoint.origin}, signed over {checkpoint.size} entries"
        f" with the root {root}.\n"
        f"ثبت. سلّمت الجهة {entry.sender} هذا السجل إلى {entry.recipient} بموجب {entry.contract}"
        f" وبالمرجع {printable(entry.source_ref)}، واستلمته البوابة في {entry.time}.\n"
        f"وهو القيد رقم {index} في السجل {checkpoint.origin}، الموقّع على {checkpoint.size} قيدًا"
        f" وجذره {root}."
    )


def _octets(path: Path, at_most: int) -> bytes:
    """Read a file, and refuse one that is larger than what it should hold could be."""
    with path.open("rb") as file:
        octets = file.read(at_most + 1)
    if len(octets) > at_most:
        raise click.ClickException(f"{path} is larger than {at_most} bytes")
    return octets
