"""Whatever happens to the process or the disk: what was promised is there, and what is there holds."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from support.batches import CITIZEN, batch_of, terms_of
from support.stores import Store

from crypto.errors import KeysUnavailable
from crypto.receipt import verify_logged
from gateway.errors import Unavailable
from gateway.log.replay import verify_lane
from gateway.records import SealedBatch
from gateway.settled import Known

TESTS = Path(__file__).resolve().parents[1]
PROCESS = Path(__file__).with_name("appending_process.py")


def start(path: Path, number: int, largest_file: int = 0) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"}
    command = [sys.executable, str(PROCESS), str(path), str(number)]
    if largest_file:
        command = ["prlimit", f"--fsize={largest_file}:unlimited", *command]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def kept_promises(store: Store, lines: list[str]) -> int:
    """Check every promise that was heard against the store; return how many there were."""
    promised = [line.split() for line in lines if line.startswith("promised") and line.endswith("\n")]
    for _, lane, index, record_id in promised:
        receipt = store.records.receipt(record_id, lane)
        assert receipt is not None, "a promise was broken"
        assert (receipt.lane, receipt.index) == (lane, int(index))
    return len(promised)


def audit(store: Store) -> None:
    for (lane,) in store.db.execute("SELECT name FROM lane").fetchall():
        verify_lane(store.db, lane, store.policy(lane))
    # Every record in the log is promised, and every promise has its message.
    accepted = 'SELECT count(*) FROM entry WHERE instr(octets, \'"kind":"record.accepted"\')'
    assert (
        store.db.execute(accepted).fetchone() == store.db.execute("SELECT count(*) FROM promise").fetchone()
    )
    assert (
        store.db.execute("SELECT coalesce(sum(count), 0) FROM outbox").fetchone()
        == store.db.execute("SELECT count(*) FROM promise").fetchone()
    )


def test_whoever_kills_the_process_breaks_no_promise(tmp_path):
    path, lines = tmp_path / "store.db", []
    for number in range(4):
        process = start(path, number)
        heard = [process.stdout.readline()]  # it is up and appending
        time.sleep((0.02, 0.3, 0.11, 0.2)[number])
        process.send_signal(signal.SIGKILL)
        heard += process.stdout.readlines()
        process.wait()
        lines += heard
    store = Store(path)
    try:
        assert kept_promises(store, lines) > 30
        audit(store)
    finally:
        store.close()


def test_a_full_disk_promises_nothing_and_the_same_process_goes_on_once_there_is_room(tmp_path):
    path = tmp_path / "store.db"
    process = start(path, 0, largest_file=1_000_000)
    lines: list[str] = []
    try:
        while not lines or not lines[-1].startswith("refused"):
            lines.append(process.stdout.readline())
        assert lines[-1] == "refused unavailable.store\n"
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        before = len(lines)
        while sum(line.startswith("promised") for line in lines[before:]) < 50:
            lines.append(process.stdout.readline())
    finally:
        process.kill()
    lines += process.stdout.readlines()
    process.wait()
    store = Store(path)
    try:
        assert kept_promises(store, lines) > 50
        audit(store)
    finally:
        store.close()


class FailingSigner:
    """Passes checkpoints on to a signer, except when it is told to refuse, or to fail after signing."""

    def __init__(self, signer):
        self._signer = signer
        self.script: list[str] = []

    def sign(self, checkpoints, time_s):
        then = self.script.pop(0) if self.script else "sign"
        if then == "refuse":
            raise KeysUnavailable("keys: the server is sealed")
        notes = self._signer.sign(checkpoints, time_s)
        if then == "fail":
            raise MemoryError("after signing and before writing")
        return notes

    def public_keys(self):
        return self._signer.public_keys()


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("append"),
            st.lists(
                st.tuples(
                    st.sampled_from(["moh", "cso"]),
                    st.lists(st.integers(0, 12), min_size=1, max_size=4, unique=True),
                ),
                min_size=1,
                max_size=4,
            ),
        ),
        st.tuples(st.just("fail"), st.sampled_from(["refuse", "fail"])),
        st.tuples(st.just("restart"), st.none()),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(steps=STEPS)
def test_in_whatever_order_things_happen_each_record_is_promised_once_and_the_lanes_hold(
    tmp_path_factory, steps
):
    store = Store(tmp_path_factory.mktemp("steps") / "store.db")
    store.signer = FailingSigner(store.signer)
    store.reopen()
    promised: dict[str, tuple[str, int]] = {}

    async def append(batches):
        answers = await asyncio.gather(
            *(store.log.append(batch) for batch in batches), return_exceptions=True
        )
        for batch, answer in zip(batches, answers, strict=True):
            if isinstance(answer, SealedBatch):
                for n, kept in enumerate(batch.kept):
                    assert kept.record_id not in promised, "promised twice"
                    promised[kept.record_id] = answer.receipt.lane, answer.receipt.first + n
        for batch, answer in zip(batches, answers, strict=True):
            if isinstance(answer, Known):
                assert {promise.record_id for promise in answer.promises} <= {
                    kept.record_id for kept in batch.kept
                }
                for promise in answer.promises:
                    assert promised[promise.record_id] == (promise.lane, promise.index)
            else:
                assert isinstance(answer, SealedBatch | Unavailable)

    try:
        for step, what in steps:
            if step == "append":
                batches = [
                    batch_of(terms_of(sender), [f"d/{n}" for n in numbers]) for sender, numbers in what
                ]
                asyncio.run(append(batches))
            elif step == "fail":
                store.signer.script.append(what)
            else:
                store.reopen()
        store.signer.script.clear()
        for record_id, (lane, index) in promised.items():
            receipt = store.records.receipt(record_id, lane)
            assert (receipt.lane, receipt.index) == (lane, index)
            verify_logged(receipt, store.policy(lane))
        audit(store)
        assert store.db.execute("SELECT count(*) FROM promise").fetchone() == (len(promised),)
    finally:
        store.close()


async def test_a_busy_thread_does_not_hold_up_a_round(store):
    """Statements of one row each gave Python's lock away and got it back 5 ms later, 256 times over."""
    batches = [batch_of(terms_of(), [f"{m}/{n}" for n in range(256)], citizen=CITIZEN) for m in range(3)]
    took_s = []
    busy = threading.Event()

    def spin() -> None:
        while not busy.is_set():
            sum(range(1000))

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        for batch in batches:
            began = time.monotonic()
            await store.log.append(batch)
            took_s.append(time.monotonic() - began)
    finally:
        busy.set()
        thread.join()
    assert min(took_s) < 0.4
