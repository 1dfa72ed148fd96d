"""The embedded queue when a process dies, the disk fills, or the file is not what it should be."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path

import pytest
from support.draining import drained, nothing_comes, take

from gateway.errors import Unavailable
from gateway.queue.local import LocalQueue
from gateway.records import Message

NAME = "nea.death.v1"
LEASE_S = 1.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


def message(octets: bytes = b"sealed") -> Message:
    return Message(str(uuid.uuid4()), NAME, octets)


def run(program: str, path: Path) -> subprocess.Popen[bytes]:
    """Run a program that knows the queue's file as `path`."""
    begin = f"""
        from pathlib import Path
        from gateway.errors import Unavailable
        from gateway.queue.local import LocalQueue
        from gateway.records import Message
        path = Path({str(path)!r})
    """
    text = textwrap.dedent(begin) + textwrap.dedent(program)
    return subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE)


def test_what_a_killed_publisher_was_told_is_there_and_in_order(path: Path) -> None:
    child = run(
        f"""
        queue = LocalQueue(path)
        for n in range(1_000_000):
            queue.publish([Message(f"{{n}}-{{m}}", {NAME!r}, bytes(50_000)) for m in range(3)])
            print(n, flush=True)
        """,
        path,
    )
    assert child.stdout
    told = []
    for line in child.stdout:
        told.append(int(line))
        if len(told) == 40:
            child.send_signal(signal.SIGKILL)
    child.wait()
    found = drained(LocalQueue(path), NAME)
    in_full = [f"{n}-{m}" for n in range(len(found) // 3) for m in range(3)]
    assert found == in_full
    assert len(found) >= 3 * len(told)


def test_what_a_killed_consumer_held_comes_again_when_its_lease_has_run_out(path: Path) -> None:
    queue = LocalQueue(path, lease_s=LEASE_S)
    sent = [message() for _ in range(3)]
    queue.publish(sent)
    child = run(
        f"""
        with LocalQueue(path, lease_s={LEASE_S}).consume([{NAME!r}], 5) as deliveries:
            next(deliveries), next(deliveries), next(deliveries).ack()
            print("held", flush=True)
            while True: next(deliveries)
        """,
        path,
    )
    assert child.stdout
    assert child.stdout.readline() == b"held\n"
    time.sleep(1.5 * LEASE_S)
    assert queue.depth(NAME) == 0  # while it lives its lease does not run out
    child.send_signal(signal.SIGKILL)
    child.wait()
    with queue.consume([NAME], 5) as deliveries:
        again = take(deliveries, 2)
        assert [one.message.id for one in again] == [sent[0].id, sent[1].id]
        assert {one.attempt for one in again} == {2}


def test_a_frozen_consumer_that_wakes_up_cannot_settle_what_another_has_now(path: Path) -> None:
    queue = LocalQueue(path, lease_s=LEASE_S)
    queue.publish([message()])
    child = run(
        f"""
        import os, signal
        with LocalQueue(path, lease_s={LEASE_S}).consume([{NAME!r}], 5) as deliveries:
            delivery = next(deliveries)
            print("held", flush=True)
            os.kill(os.getpid(), signal.SIGSTOP)
            delivery.ack()
            print("settled", flush=True)
        """,
        path,
    )
    assert child.stdout
    assert child.stdout.readline() == b"held\n"
    with queue.consume([NAME], 5) as deliveries:
        (mine,) = take(deliveries, 1)
        child.send_signal(signal.SIGCONT)
        assert b"settled\n" in child.stdout.readlines()
        assert child.wait() == 0
        mine.retry(0)
        assert take(deliveries, 1)[0].attempt == 3


def test_several_processes_share_the_file_and_each_message_goes_to_one(path: Path) -> None:
    children = [
        run(
            f"""
            queue = LocalQueue(path)
            with queue.consume([{NAME!r}], 3) as deliveries:
                for delivery in deliveries:
                    if delivery is None: break
                    print(delivery.message.id, flush=True)
                    delivery.ack()
            """,
            path,
        )
        for _ in range(2)
    ]
    queue = LocalQueue(path)  # made by three processes at the same time
    sent = [message(bytes(5000)) for _ in range(100)]
    for n in range(0, 100, 10):
        queue.publish(sent[n : n + 10])
    came = b"".join(child.communicate()[0] for child in children).decode().split()
    assert [child.returncode for child in children] == [0, 0]
    assert sorted(came) == sorted(one.id for one in sent)


def test_a_message_published_again_is_there_once_even_when_parked(path: Path) -> None:
    queue = LocalQueue(path)
    first, second = message(), message()
    queue.publish([first, second])
    queue.publish([second, first])
    with queue.consume([NAME], 5) as deliveries:
        parked, waiting = take(deliveries, 2)
        parked.park("tampered.tree")
        queue.publish([first, second])
        waiting.ack()
        assert nothing_comes(deliveries)


def test_a_full_disk_is_unavailable_and_nothing_is_lost_when_there_is_room_again(path: Path) -> None:
    # A process may be told that files end at some size: what it sees is what a full disk looks like.
    child = run(
        f"""
        import resource
        from resource import RLIMIT_FSIZE as SIZE
        queue = LocalQueue(path)
        kept = []
        hard = resource.getrlimit(SIZE)[1]
        resource.setrlimit(SIZE, (2_000_000, hard))
        try:
            for n in range(100):
                queue.publish([Message(str(n), {NAME!r}, bytes(300_000))])
                kept.append(n)
        except Unavailable as error:
            print(error.code)
        resource.setrlimit(SIZE, (hard, hard))
        queue.publish([Message(str(n), {NAME!r}, bytes(300_000))])
        print(n)
        """,
        path,
    )
    code, last = child.communicate()[0].decode().split()
    assert child.returncode == 0
    assert code == "unavailable.queue"
    assert drained(LocalQueue(path), NAME) == [str(n) for n in range(int(last) + 1)]


def test_a_file_that_is_no_queue_is_refused(path: Path) -> None:
    path.write_bytes(os.urandom(8192))
    with pytest.raises(Unavailable, match="SQLITE_NOTADB"):
        LocalQueue(path)


def test_a_file_of_a_newer_version_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA user_version = 99")
    file.close()
    with pytest.raises(Unavailable, match="version 99"):
        LocalQueue(path)


def test_every_commit_is_on_disk_before_it_is_told(path: Path) -> None:
    queue = LocalQueue(path)
    assert queue._file.rows("PRAGMA synchronous", ()) == [(2,)]
    assert queue._file.rows("PRAGMA journal_mode", ()) == [("wal",)]
