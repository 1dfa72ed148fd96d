"""`make demo`: the whole exchange on this machine, as separate processes over real TLS, and its proof."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import click
import msgspec

from gateway.demo import proof, rabbitmq
from gateway.demo.local import in_memory
from gateway.demo.processes import follow, start_agencies, start_core
from gateway.demo.screen import Screen
from gateway.demo.set_up import site
from gateway.demo.site import BROKER_ACCOUNT, BROKER_DELIVERY, BROKER_READER, Site
from gateway.demo.tally import checks
from gateway.errors import IsnadError, Unavailable

MARK = ".isnad-demo"
"""The file that tells a folder of the demonstration, which may be removed, from any other."""
EXIT_TERMINATED = 128 + signal.SIGTERM


@click.command()
@click.option("--records", default=10_000, show_default=True, type=click.IntRange(50, 1_000_000))
@click.option(
    "--queue",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "rabbitmq", "embedded"]),
    help="Where sealed batches wait; auto takes RabbitMQ if it is installed.",
)
@click.option(
    "--folder",
    default="var/demo",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="What the demonstration writes; emptied at its start.",
)
@click.option("--keep", is_flag=True, help="Leave everything running, and show how to call it.")
def main(records: int, queue: str, folder: Path, keep: bool) -> None:  # noqa: FBT001  a flag
    """Show the whole exchange with synthetic records, prove one, and leave the log to look into."""
    screen = Screen()
    # Told to end, end like after Ctrl-C: whatever was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    kind = ("rabbitmq" if rabbitmq.is_installed() else "embedded") if queue == "auto" else queue
    try:
        _empty(folder)
        sound = demonstrate(screen, records, kind, folder, keep=keep)
    except IsnadError as error:
        screen.say(f"✗ {error.code}: {error.rule}")
        screen.say(f"  What the processes said is in {folder}/var/*.log")
        sys.exit(1)
    sys.exit(0 if sound else 1)


def demonstrate(screen: Screen, records: int, kind: str, folder: Path, *, keep: bool) -> bool:
    """Run the demonstration in an empty folder; return whether everything was as it should be.

    Raises:
        Unavailable: something did not start, or ended.
    """
    screen.headline(records)
    with ExitStack() as stack:
        # 1. A fresh site: key server, broker, configuration, and the gateway's two processes.
        screen.part("Starting")
        made = stack.enter_context(_site(screen, folder.resolve(), kind))
        with screen.step("isnad serve: takes records in and signs; it cannot open"):
            made.serve()
        with screen.step("isnad deliver: opens for agencies; it cannot sign"):
            made.deliver()
        with screen.step("the authority's core: opens with its own keys"):
            core = start_core(made)
        # 2. Three agencies send, until every record is answered.
        screen.part("Exchanging")
        agencies = start_agencies(made, records)
        with screen.bars(records) as bars:
            tally = follow(core, agencies, bars.show)
        (folder / "tally.json").write_bytes(msgspec.json.encode(tally))
        # 3. Does it add up?
        screen.part("What became of them")
        screen.tally(tally)
        screen.refusals(tally.refused())
        screen.decided(tally)
        results = checks(tally, records)
        screen.checks(results)
        # 4. Proof, with files alone.
        screen.part("Proof, offline")
        ran = []
        for one in proof.prove(made, folder):
            screen.ran(one)
            ran.append(one)
        # 5. What the reader may do now.
        if keep:
            _stay(screen, made, folder)
        with screen.step("everything stopped, in good order"):
            stopped = [running.stop() for running in reversed(made.processes)]
    screen.part("What to try next")
    _suggest(screen, folder)
    return all(check.holds for check in results) and all(one.as_expected for one in ran) and not any(stopped)


@contextmanager
def _site(screen: Screen, folder: Path, kind: str) -> Iterator[Site]:
    with ExitStack() as stack:
        broker = None
        if kind == "rabbitmq":
            with screen.step("RabbitMQ: sealed batches wait in its queues"):
                accounts = (BROKER_ACCOUNT, BROKER_DELIVERY, BROKER_READER)
                passwords = {name: secrets.token_urlsafe() for name in accounts}
                broker = stack.enter_context(rabbitmq.running(folder / "rabbitmq", passwords))
        with screen.step("OpenBao: the key server; the gateway's keys are in it and nowhere else"):
            made = stack.enter_context(site(folder, broker))
        if broker is None:
            screen.say("· the embedded queue: RabbitMQ is not installed, or was not asked for")
        for name in (proof.PROOF, proof.POLICIES):
            (folder / name).mkdir()
        yield made


def _empty(folder: Path) -> None:
    """Remove what an earlier demonstration left, and nothing else.

    Raises:
        Unavailable: there is something else.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise Unavailable("unavailable.store", f"{folder} is not empty and not of an earlier demonstration")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    (folder / MARK).touch()


def _suggest(screen: Screen, folder: Path) -> None:
    """Show commands that work on what is left: the log, one record with its receipt, the lanes' policies."""
    screen.command(
        "the commands below find the log by its configuration", f"export ISNAD_CONFIG={folder}/config"
    )
    for why, arguments in (
        ("an entry: who handed over what and when, and nothing about whom", ("log", "show", "moh", "1")),
        ("the gateway's own lane: its keys, agencies, agreements", ("log", "search", "--sender", "gateway")),
        ("everything that happened to one record", ("trace", proof.record_id(folder))),
        ("the whole log again, offline", ("log", "verify", *proof.given_policies(folder))),
        ("the files that the Civil Status put down, and what became of them", ("files",)),
        ("what waits for an officer, who would release it or refuse it", ("quarantine", "list")),
        ("what a code means, in English and Arabic", ("errors", "record.conflict")),
    ):
        screen.command(why, proof.command(*arguments))
    again = f"{proof.program('python')} -m gateway.demo --keep"
    screen.command("once more, left running, to be called by hand", again)


def _stay(screen: Screen, made: Site, folder: Path) -> None:
    """Leave everything running until interrupted; the caller's certificate and key stay in this process's memory."""
    issued = made.issue("moh")
    credentials = in_memory(issued.key_pem + issued.chain_pem.encode())
    moh = f"curl --cacert {folder}/config/pki/gateway.pem --cert /proc/{os.getpid()}/fd/{credentials}"
    sample = "contracts/agencies/moh/death/v1/samples/valid/one.json"
    screen.part("Left running: call it as the Ministry of Health, from another terminal")
    for why, command in (
        ("knock: logged, receipted, delivered to nobody", f"{moh} -X POST {made.url}/v1/ping"),
        ("hand over a record", f"{moh} --json @{sample} {made.url}/v1/death.v1/records"),
        ("how the gateway is", f"curl {made.operations_url('serve')}/health/ready"),
        ("what it counts", f"curl {made.operations_url('serve')}/metrics"),
        ("what an agency may send, to read in a terminal", f"{moh} {made.url}/openapi.json"),
    ):
        screen.command(why, command)
    screen.say()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has jobs in the background ignore it
    screen.say("Ctrl-C stops it.")
    with suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    main()
