"""`isnad log`: look into the exchange log, prove what it says, and check that nobody changed it."""

from __future__ import annotations

import hmac
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click
import orjson

from contracts import nid
from contracts.errors import Refused
from crypto.errors import KeysUnavailable
from crypto.note import LogPolicy
from crypto.openbao import LanePseudonyms, TransitLogKeys
from crypto.policy import POLICY_MAX_BYTES, policy_from_json, policy_to_json
from gateway.cli._lanes import as_json, configured, key_server, officer, print_entries, reading
from gateway.envelopes import ENVELOPES, kept
from gateway.errors import IsnadError, Unavailable
from gateway.log import search as searching
from gateway.log.proofs import lane_named, proof_at
from gateway.log.replay import verify_lane
from gateway.log.search import Found
from gateway.log.spool import StoreSpool
from gateway.log.trust import with_retired
from gateway.records import GATEWAY, Event
from gateway.settings import Settings

REASON_MIN_CHARS, REASON_MAX_CHARS = 10, 500
EXIT_DAMAGED = 1
INSTANTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]


@click.group("log")
def log() -> None:
    """Look into the exchange log, prove what it says, and check that nobody changed it."""


@log.command("show")
@configured
@click.argument("lane")
@click.argument("index", type=click.IntRange(min=0))
@as_json
def show(settings: Settings, lane: str, index: int, as_json: bool) -> None:  # noqa: FBT001  a flag
    """Show the entry at INDEX of LANE."""
    with reading(settings) as db:
        found = searching.show(db, lane, index)
    if found is None:
        raise click.ClickException("the lane has no entry at this index")
    print_entries([found], as_json=as_json)


@log.command("envelope")
@configured
@click.argument("submission")
@click.option(
    "--out", type=click.File("wb"), default="-", help="Where it is written; standard output otherwise."
)
def envelope(settings: Settings, submission: str, out: BinaryIO) -> None:
    """Write the signed message of SUBMISSION as it is kept: sealed, so that only its recipient can open it.

    The entries of its records name the submission. Its recipient reads it with `isnad open envelope`.
    """
    found = kept(Path(settings.store.path).parent / ENVELOPES, submission)
    if found is None:
        raise click.ClickException("no signed message is kept for this submission")
    out.write(found)


@log.command("search")
@configured
@click.option("--record", metavar="ID", help="The entry of a record.")
@click.option("--sender", metavar="AGENCY", help="Entries of an agency's lane; narrow it down with the next.")
@click.option(
    "--reference", metavar="REF", help="What the sender handed over under this reference of its own."
)
@click.option("--from", "since", type=click.DateTime(INSTANTS), help="Logged from here on (UTC).")
@click.option("--until", type=click.DateTime(INSTANTS), help="Logged before this (UTC).")
@click.option(
    "--citizen", is_flag=True, help="Entries about a citizen, in every lane. Asks for the national ID."
)
@click.option("--reason", help="Why you search for a citizen; it stands in the log. Asked for if left out.")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(1, 10_000), help="Entries shown."
)
@as_json
def search(  # noqa: PLR0917  click passes options by name
    settings: Settings,
    record: str | None,
    sender: str | None,
    reference: str | None,
    since: datetime | None,
    until: datetime | None,
    citizen: bool,  # noqa: FBT001  flags
    reason: str | None,
    limit: int,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Search the log by record, by sender and reference or time, or by citizen.

    A citizen's national ID is asked for, or read from standard input; it is never an argument. Who searched
    and why is in the log before anything is shown.
    """
    if sum((record is not None, sender is not None, citizen)) != 1:
        raise click.UsageError("one of --record, --sender and --citizen")
    with reading(settings) as db:
        if record is not None:
            found = _by_record(db, record)
        elif citizen:
            found = _by_citizen(settings, db, reason)
        elif reference is not None:
            found = searching.by_reference(db, str(sender), reference)
        else:
            found = searching.by_time(db, str(sender), _unix_ms(since, 0), _unix_ms(until, 1 << 62), limit)
    print_entries(found[:limit], as_json=as_json)


@log.command("prove")
@configured
@click.argument("lane")
@click.argument("index", type=click.IntRange(min=0))
def prove(settings: Settings, lane: str, index: int) -> None:
    """Print the proof (C2SP tlog-proof) that LANE has its entry at INDEX, against the latest checkpoint."""
    with reading(settings) as db:
        try:
            click.echo(proof_at(db, lane_named(db, lane), index), nl=False)
        except ValueError as error:
            raise click.ClickException("the lane has no entry at this index") from error


@log.command("policy")
@configured
@click.argument("lane")
def policy(settings: Settings, lane: str) -> None:
    """Print what an outsider needs to verify receipts of LANE offline: its origin and the public log keys."""
    with reading(settings) as db:
        trusted = replace(_trusted(settings, db), origin=f"{settings.origin}/{lane}")
    click.echo(policy_to_json(trusted).decode())


@log.command("verify")
@configured
@click.argument("lanes", nargs=-1)
@click.option(
    "--policy",
    "policies",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A policy file, so that the key server is not asked. Repeatable, one for each lane.",
)
@as_json
def verify(
    settings: Settings,
    lanes: tuple[str, ...],
    policies: tuple[Path, ...],
    as_json: bool,  # noqa: FBT001  a flag
) -> None:
    """Replay LANES, or all of them: every entry, tile and checkpoint. Exit status 1 if one does not hold."""
    damaged = False
    with reading(settings) as db:
        names = lanes or searching.lanes(db)
        known = _policies(settings, db, names, policies)
        for name in names:
            try:
                replayed = verify_lane(db, name, known[name])
            except IsnadError as error:
                damaged = True
                report = {"lane": name, "holds": False, "index": int(error.field), "rule": error.rule}
                words = f"{name}: NOT as it was signed. {error.rule}"
            else:
                root = replayed.root.hex()
                report = {"lane": name, "holds": True, "size": replayed.size, "root": root}
                words = (
                    f"{name}: {replayed.size} entries, {replayed.checkpoints} checkpoints hold; root {root}"
                )
            click.echo(orjson.dumps(report).decode() if as_json else words)
    sys.exit(EXIT_DAMAGED if damaged else 0)


def _by_record(db: sqlite3.Connection, record: str) -> list[Found]:
    try:
        found = searching.by_record(db, record)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return [] if found is None else [found]


def _by_citizen(settings: Settings, db: sqlite3.Connection, reason: str | None) -> list[Found]:
    """Search every lane for a citizen, once it is in the log that this was done, by whom and why."""
    reason = _checked_reason(reason or click.prompt("Reason", err=True))
    typed = (
        click.prompt("National ID", hide_input=True, err=True)
        if sys.stdin.isatty()
        else sys.stdin.readline(64)
    )
    try:
        citizen = nid.normalise(typed.strip())
    except Refused as error:
        raise click.ClickException("that is not a national ID") from error
    names = [name for name in searching.lanes(db) if name != GATEWAY]
    with key_server(settings) as keys:
        who, pseudonyms = officer(keys), _pseudonyms(LanePseudonyms(keys), names, citizen)
    with closing(StoreSpool(Path(settings.store.path))) as spool:
        fields = (("officer", who), ("reason", reason), ("lanes", len(names)))
        spool.leave([Event(GATEWAY, "officer.searched", fields)])
    return [found for name in names for found in searching.by_subject(db, name, pseudonyms[name])]


def _pseudonyms(keys: LanePseudonyms, names: list[str], citizen: str) -> dict[str, bytes]:
    try:
        return {name: hmac.digest(keys.pseudonym(name), citizen.encode(), "sha256") for name in names}
    except KeysUnavailable as error:
        raise Unavailable("unavailable.keys", str(error)) from error


def _checked_reason(reason: str) -> str:
    reason = " ".join(reason.split())
    if not REASON_MIN_CHARS <= len(reason) <= REASON_MAX_CHARS:
        raise click.UsageError(f"a reason has {REASON_MIN_CHARS} to {REASON_MAX_CHARS} characters")
    if nid.occurs_in(reason):
        raise click.UsageError("a reason names no national ID: it stands in the log in clear")
    return reason


def _policies(
    settings: Settings, db: sqlite3.Connection, names: Sequence[str], files: tuple[Path, ...]
) -> dict[str, LogPolicy]:
    if not files:
        trusted = _trusted(settings, db)
        return {name: replace(trusted, origin=f"{settings.origin}/{name}") for name in names}
    given = [_policy_file(file) for file in files]
    known = {one.origin.removeprefix(f"{settings.origin}/"): one for one in given}
    missing = [name for name in names if name not in known]
    if missing:
        raise click.UsageError(f"no policy for {', '.join(missing)}")
    return known


def _policy_file(path: Path) -> LogPolicy:
    with path.open("rb") as file:
        octets = file.read(POLICY_MAX_BYTES + 1)
    try:
        return policy_from_json(octets)
    except ValueError as error:
        raise click.ClickException(f"{path}: {error}") from error


def _trusted(settings: Settings, db: sqlite3.Connection) -> LogPolicy:
    """Return the policy of the gateway's lane: the key server's log keys, and retired ones that they vouch for."""
    with key_server(settings) as keys:
        try:
            public = TransitLogKeys(keys, settings.suite).public_keys()
        except KeysUnavailable as error:
            raise Unavailable("unavailable.keys", str(error)) from error
    policy = LogPolicy(f"{settings.origin}/{GATEWAY}", settings.suite, public.ed25519, public.mldsa44)
    return with_retired(db, policy)


def _unix_ms(instant: datetime | None, otherwise: int) -> int:
    return otherwise if instant is None else int(instant.replace(tzinfo=UTC).timestamp() * 1000)
