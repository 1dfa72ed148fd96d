"""`isnad open`: the consumer as a process beside a core, and what its operator needs."""

from __future__ import annotations

import getpass
import os
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import BinaryIO

import click
import orjson

from contracts.errors import Invalid
from crypto.batch import MESSAGE_MAX_BYTES
from crypto.evidence import EVIDENCE_MAX_BYTES, open_evidence
from gateway import observe
from gateway.consumer import sidecar
from gateway.consumer.answers import Answers
from gateway.consumer.consumer import Consumer, State
from gateway.consumer.core import Settings, connected, opening, private_keys
from gateway.consumer.ledger import LedgerFile
from gateway.queue.access import queue_of
from gateway.records import Message

Load = Callable[[], Settings]
"""Reads the configuration."""


@click.group("open", invoke_without_command=True)
@click.option(
    "--config",
    default="consumer.yaml",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Whose records are opened, and with what.",
)
@click.option("--to", type=click.Choice(["ndjson", "amqp"]), help="Where records go.")
@click.option(
    "--acks",
    type=click.Choice(["stdin", "flush"]),
    default="stdin",
    show_default=True,
    help="With --to ndjson: when a record counts as handed over.",
)
@click.pass_context
def open(context: click.Context, config: Path, to: str | None, acks: str) -> None:  # noqa: A001  the command's name
    """Open and verify the records that wait, for a core that is not written in Python.

    --to ndjson writes one CloudEvent a line to standard output. With --acks stdin, a record is done when
    standard input brings its answer, one JSON object a line:

    \b
      {"id": "…", "outcome": "APPLIED"}
      {"id": "…", "outcome": "REJECTED", "code": "NID_UNKNOWN", "field_path": "/person/nid"}
      {"id": "…", "retry_after_s": 60}

    A batch of 1 to 256 lines is out at a time. The next one comes when all of it is answered, so do not wait
    for more lines before you answer. When standard input ends, what was not answered comes again. With
    --acks flush a record is done when its line was flushed: nothing brings it again, and its answer is given
    with `isnad open answer`.

    --to amqp puts each event into the queue that `core` names in the configuration; it is done when that
    queue has confirmed it. Answers of the same form are taken from the other queue there.

    Each event carries its evidence, a receipt, in the attribute `evidence`. Messages that do not verify are
    parked.
    """  # noqa: D301  \b keeps click from filling the paragraph
    context.obj = partial(_loaded, config)  # a command that is only asked for its help needs none
    if context.invoked_subcommand is not None:
        return
    settings = _loaded(config)
    observe.configure("open", stream=sys.stderr)
    match to:
        case "ndjson":
            _to_ndjson(settings, acks)
        case "amqp":
            _to_amqp(settings)
        case _:
            raise click.UsageError("say where records go, --to ndjson or --to amqp, or name a command")


@open.command("state")
@click.pass_obj
def state(load: Load) -> None:
    """Show stopped lanes and how many answers are under way, as JSON."""
    with _ledger(load()) as ledger:
        found = State(tuple(ledger.stops().values()), Answers(ledger).state())
    click.echo(orjson.dumps(asdict(found), option=orjson.OPT_INDENT_2))


@open.command("clear-lane")
@click.argument("lane")
@click.option("--why", required=True, help="What was found; kept in the ledger with your name.")
@click.pass_obj
def clear_lane(load: Load, lane: str, why: str) -> None:
    """Let LANE be opened again after somebody has found out why it was stopped.

    Its history begins anew with the next batch. Bring parked messages back with `isnad queue requeue`.
    """
    with _ledger(load()) as ledger:
        if not ledger.clear(lane, getpass.getuser(), why):
            raise click.ClickException(f"the lane {lane} is not stopped")
    click.echo(f"{lane}: cleared")


@open.command("answer")
@click.argument("answers", type=click.File("rb"), default="-")
@click.pass_obj
def answer(load: Load, answers: BinaryIO) -> None:
    """Give the answers in ANSWERS (NDJSON, or - for standard input) for records that were handed over.

    They are sent by the `isnad open` that runs, or runs next.
    """
    with _ledger(load()) as ledger:
        kept = sidecar.keep(Answers(ledger), answers)
    click.echo(f"{kept.kept} kept, {kept.not_owed} not owed")


@open.command("message")
@click.argument("message", type=click.File("rb"))
@click.pass_obj
def message(load: Load, message: BinaryIO) -> None:
    """Open one sealed MESSAGE that an officer of the gateway has sent for review, and print its events as lines.

    It is verified like every other. Its records do not count as handed over: once they are released they come
    through the queue.
    """
    settings, body = load(), message.read(MESSAGE_MAX_BYTES + 1)
    with _ledger(settings) as ledger, opening(settings, ledger) as opener:
        for record in opener.open(Message("", f"{settings.participant}.", body)):
            click.echo(record.event)


@open.command("envelope")
@click.argument("envelope", type=click.File("rb"))
@click.pass_obj
def envelope(load: Load, envelope: BinaryIO) -> None:
    """Open the kept ENVELOPE of a signed submission, and print it octet for octet as the agency signed it.

    Any XML signature verifier can judge it, with the certificate that is in it.
    """
    sealed = envelope.read(EVIDENCE_MAX_BYTES + 1)
    with private_keys(load()) as keys:
        _, signed = open_evidence(sealed, keys.private)
    sys.stdout.buffer.write(signed)


@open.command("resend")
@click.pass_obj
def resend(load: Load) -> None:
    """Send the answers that the gateway refused once more."""
    with _ledger(load()) as ledger:
        click.echo(f"{Answers(ledger).again()} to be sent again")


def _loaded(config: Path) -> Settings:
    try:
        return Settings.load(config)
    except Invalid as error:
        raise click.ClickException(str(error)) from error


def _to_ndjson(settings: Settings, acks: str) -> None:
    with connected(settings) as consumer:
        _stop_by_signal(consumer)
        if acks == "stdin":
            # Not sys.stdin: a thread may still be reading when the interpreter closes that.
            answers = os.fdopen(os.dup(sys.stdin.fileno()), "rb", closefd=False)
            sidecar.to_lines(consumer, sys.stdout.buffer, answers)
        else:
            sidecar.to_flushed_lines(consumer, sys.stdout.buffer)


def _to_amqp(settings: Settings) -> None:
    core = settings.core
    if core is None:
        raise click.UsageError("the configuration names no `core` queue")
    with connected(settings) as consumer, queue_of(core.queue, declares=True) as queue:
        _stop_by_signal(consumer)
        sidecar.to_queue(consumer, queue, core.events, core.answers)


def _stop_by_signal(consumer: Consumer) -> None:
    """Finish what is under way when told to end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: consumer.stop())


def _ledger(settings: Settings) -> closing[LedgerFile]:
    return closing(LedgerFile(Path(settings.ledger)))
