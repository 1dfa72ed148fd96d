"""`isnad open` beside a whole site: key server, gateway and queue as they run in earnest."""

import json
import os
import subprocess
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
import yaml
from click.testing import CliRunner
from services.rabbitmq import PASSWORDS, gateway_at

from gateway.cli.open import open as open_command
from gateway.consumer.ledger import LedgerFile
from gateway.demo.set_up import site
from gateway.demo.site import isnad
from gateway.queue.rabbitmq import RabbitMQ
from gateway.records import Message

CONTRACTS = Path(__file__).parents[2] / "contracts"
SAMPLE = CONTRACTS / "agencies" / "moh" / "death" / "v1" / "samples" / "valid" / "one.json"


STRANGER = {"id": "0198c0de-0000-8000-8000-000000000001", "outcome": "APPLIED"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with site(tmp_path_factory.mktemp("site")) as running:
        running.serve()
        yield running


@contextmanager
def opened(running, *arguments, core=None):
    config, descriptors = running.consumer()
    if core is not None:
        settings = yaml.safe_load(config.read_text()) | {"core": {"queue": core}}
        config.write_text(yaml.safe_dump(settings, allow_unicode=True))
    process = subprocess.Popen(
        isnad("open", "--config", str(config), *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | running.admit("nea") | {"ZONE_PASSWORD": PASSWORDS["gateway"]},
        pass_fds=descriptors,
    )
    for descriptor in descriptors:
        os.close(descriptor)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        with suppress(ValueError):
            process.communicate()


def zone_queue(running, broker):
    """Add a broker of the authority's own zone to the settings that were written last."""
    (running.folder / "zone.pem").write_text(broker.authority.pem)
    return {
        "kind": "rabbitmq",
        "host": "localhost",
        "port": broker.port,
        "ca_file": "zone.pem",
        "user": "gateway",
        "password": "env:ZONE_PASSWORD",
    }


def command(running, *arguments, given=""):
    arguments = ["--config", str(running.folder / "consumer.yaml"), *arguments]
    return CliRunner().invoke(open_command, arguments, input=given)


def submit(running, *references):
    """Submit a record for each reference, as the health ministry; return the ids."""
    sample = json.loads(SAMPLE.read_bytes())
    body = "\n".join(json.dumps(sample | {"notification_no": one}) for one in references)
    context = running.client(running.issue("moh"))
    with httpx.Client(verify=context, base_url=running.url, trust_env=False, timeout=60) as client:
        answer = client.post(
            "/v1/death.v1/records", content=body, headers={"content-type": "application/x-ndjson"}
        )
    outcomes = [json.loads(line) for line in answer.text.splitlines()]
    return [one["id"] for one in outcomes if one.get("outcome") == "accepted"]


def read_event(process):
    return json.loads(process.stdout.readline())


def told(process, members):
    process.stdin.write(json.dumps(members).encode() + b"\n")
    process.stdin.flush()


def state(running):
    return json.loads(command(running, "state").output)


def test_records_come_as_lines_and_their_answers_reach_the_gateway(running):
    first, second = submit(running, "MOH-1203-2026-000201", "MOH-1203-2026-000202")
    with opened(running, "--to", "ndjson") as process:
        event = read_event(process)
        assert event["id"] == first
        assert event["data"]["person"]["name"]["full"].startswith("محمد")
        assert json.loads(event["evidence"])["record_id"] == first
        told(process, {"id": first, "outcome": "APPLIED"})
        assert read_event(process)["id"] == second
        told(
            process, {"id": second, "outcome": "REJECTED", "code": "NID_UNKNOWN", "field_path": "/person/nid"}
        )
        process.stdin.close()
        assert process.wait(20) == 0, process.stderr.read().decode()
        said = process.stderr.read().decode()
    assert "answers.receipted" in said
    assert event["data"]["person"]["nid"] not in said
    assert event["data"]["person"]["name"]["full"] not in said
    assert state(running) == {"answers": {"awaited": 0, "ready": 0, "refused": 0}, "stopped": []}


def test_told_to_stop_it_ends_cleanly_while_it_waits_for_an_answer(running):
    (record,) = submit(running, "MOH-1203-2026-000203")
    with opened(running, "--to", "ndjson") as process:
        assert read_event(process)["id"] == record
        process.terminate()
        assert process.wait(20) == 0, process.stderr.read().decode()
    with opened(running, "--to", "ndjson") as process:
        assert read_event(process)["id"] == record
        told(process, {"id": record, "outcome": "APPLIED"})
        process.stdin.close()
        assert process.wait(20) == 0


def test_what_was_flushed_is_answered_with_a_command_of_its_own(running):
    (record,) = submit(running, "MOH-1203-2026-000204")
    with opened(running, "--to", "ndjson", "--acks", "flush") as process:
        assert read_event(process)["id"] == record
        process.terminate()
        assert process.wait(20) == 0
    assert state(running)["answers"]["awaited"] == 1
    said = command(running, "answer", given=json.dumps({"id": record, "outcome": "APPLIED"}))
    assert said.output == "1 kept, 0 not owed\n"
    assert state(running)["answers"] == {"awaited": 0, "ready": 1, "refused": 0}
    assert "no such record" in repr(command(running, "answer", given=json.dumps(STRANGER)).exception)


def test_events_go_to_a_broker_in_the_authoritys_own_zone_and_answers_come_from_it(running, rabbitmq):
    (record,) = submit(running, "MOH-1203-2026-000205")
    with (
        closing(RabbitMQ(gateway_at(rabbitmq))) as zone,
        opened(running, "--to", "amqp", core=zone_queue(running, rabbitmq)) as process,
    ):
        with zone.consume(["core.events"], 10) as deliveries:
            event = next(one for one in deliveries if one is not None)
            assert json.loads(event.message.body)["id"] == record
            assert json.loads(event.message.body)["data"]["person"]["name"]["full"].startswith("محمد")
            answered = json.dumps({"id": record, "outcome": "APPLIED"}).encode()
            zone.publish([Message("answer-1", "core.answers", answered)])
            event.ack()
        deadline = time.monotonic() + 30
        while "answers.receipted" not in process.stderr.readline().decode():
            assert time.monotonic() < deadline, "the answer never reached the gateway"
        process.terminate()
        assert process.wait(20) == 0


def test_a_stopped_lane_is_shown_and_cleared_with_a_reason(running):
    running.consumer()
    ledger = LedgerFile(running.folder / "var" / "nea-ledger.db")
    ledger.stop("cso", "tampered.history")
    ledger.close()
    assert [stop["lane"] for stop in state(running)["stopped"]] == ["cso"]
    assert command(running, "clear-lane", "cso").exit_code != 0
    assert command(running, "clear-lane", "cso", "--why", "a restored backup").output == "cso: cleared\n"
    assert "is not stopped" in command(running, "clear-lane", "cso", "--why", "again").output


def test_a_configuration_with_a_problem_is_refused_with_its_line(tmp_path):
    (tmp_path / "consumer.yaml").write_text("participant: nea\nsender: {}\n")
    said = CliRunner().invoke(open_command, ["--config", str(tmp_path / "consumer.yaml"), "state"])
    assert said.exit_code != 0
    assert "line 2, sender" in said.output


@pytest.mark.parametrize("name", sorted(open_command.commands))
def test_the_help_of_a_command_needs_no_configuration(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(open_command, [name, "--help"])
    assert (shown.exit_code, "Usage: open" in shown.output) == (0, True), shown.output
    needed = {"clear-lane": ["moh", "--why", "x"], "message": ["-"], "envelope": ["-"]}
    used = CliRunner().invoke(open_command, [name, *needed.get(name, [])], input=b"")
    assert (used.exit_code, "consumer.yaml" in used.output) == (1, True), used.output
