"""`isnad queue`, as an operator uses it."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from support.draining import eventually, take
from support.stores import Store

from gateway.cli import isnad
from gateway.queue.local import LocalQueue
from gateway.records import GATEWAY, Message

CONFIG = Path(__file__).resolve().parents[2] / "config"
NAME = "nea.death.v1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The example configuration, with a store and a queue of the test's own."""
    folder = tmp_path / "config"
    shutil.copytree(CONFIG, folder)
    settings = yaml.safe_load((folder / "gateway.yaml").read_text())
    settings["store"]["path"] = "store.db"
    settings["queue"] = {"kind": "embedded", "path": "queue.db"}
    (folder / "gateway.yaml").write_text(yaml.safe_dump(settings))
    return folder


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    store = Store(folder / "store.db")
    yield store
    store.close()


@pytest.fixture
def parked(folder: Path) -> list[Message]:
    """Two parked messages; a third one waits."""
    sent = [Message(str(uuid.uuid4()), NAME, b"sealed") for _ in range(3)]
    queue = LocalQueue(folder / "queue.db")
    queue.publish(sent)
    with queue.consume([NAME], 5) as deliveries:
        first, second, _ = take(deliveries, 3)
        first.park("tampered.tree")
        second.park("unavailable.endpoint")
    queue.close()
    return sent[:2]


def run(folder: Path, *arguments: str) -> Result:
    command, *rest = arguments
    return CliRunner().invoke(isnad, ["queue", command, "--config", str(folder), *rest])


def lines(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def test_every_agreement_s_queue_is_listed_with_what_waits_and_what_is_parked(
    folder: Path, parked: list[Message]
) -> None:
    found = {line["queue"]: line for line in lines(run(folder, "list", "--json"))}
    assert found[NAME] == {"queue": NAME, "waiting": 1, "parked": len(parked)}
    assert len(found) > 1
    assert NAME in run(folder, "list").output


def test_parked_messages_are_shown_with_their_reason(folder: Path, parked: list[Message]) -> None:
    found = lines(run(folder, "parked", NAME, "--json"))
    assert [(line["message"], line["reason"]) for line in found] == [
        (parked[0].id, "tampered.tree"),
        (parked[1].id, "unavailable.endpoint"),
    ]
    assert len(lines(run(folder, "parked", NAME, "--limit", "1", "--json"))) == 1


def test_a_message_is_put_back_and_the_log_remembers_who_did_it(
    folder: Path, store: Store, parked: list[Message]
) -> None:
    result = run(folder, "requeue", NAME, parked[1].id)
    assert result.exit_code == 0, result.output
    queue = LocalQueue(folder / "queue.db")
    assert queue.depth(NAME) == 2
    assert [one.id for one in queue.parked(NAME, 5)] == [parked[0].id]
    queue.close()
    assert eventually(lambda: store.db.execute("SELECT count(*) FROM spool").fetchone() == (0,))
    assert store.kinds(GATEWAY) == ["lane.opened", "message.requeued"]


def test_a_message_that_is_not_parked_is_named(folder: Path, store: Store, parked: list[Message]) -> None:
    result = run(folder, "requeue", NAME, parked[0].id, "not-there")
    assert result.exit_code == 1
    assert "not-there" in result.output
    assert parked[0].id in result.output
