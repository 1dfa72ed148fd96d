import random
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest
from consumer_parts import Lane, OwnKeys, consumer_on, depth, event, identifier, ledger_at, parked, publish

from crypto.errors import KeysUnavailable
from gateway.consumer.answers import Answers
from gateway.consumer.dispositions import Decision, Disposition
from gateway.errors import Unavailable
from gateway.records import Message

HERE = Path(__file__).parent


def take(consumer, count=None):
    """Take the records that wait, up to `count`, and say done for each."""
    taken = []
    for delivery in consumer.waiting():
        taken.append(delivery.id)
        delivery.done("APPLIED")
        if len(taken) == count:
            break
    return taken


def fall_over(consumer):
    for delivery in consumer:
        raise RuntimeError(f"the core fell over at {delivery}")


def answers_in(folder):
    with ledger_at(folder / "ledger.db") as ledger:
        return {answer.owed.record_id: answer.disposition for answer in Answers(ledger).ready(10_000)}


def test_records_come_one_by_one_in_their_order_with_evidence(tmp_path):
    lane = Lane()
    publish(tmp_path, lane.message(), lane.message(start=3))
    with consumer_on(tmp_path) as consumer:
        for number, delivery in enumerate(consumer.waiting()):
            assert delivery.event == event(number)
            assert delivery.evidence.record_id == delivery.id == delivery.event["id"]
            assert delivery.evidence.index == number
            delivery.done("APPLIED")
    assert number == 5
    assert depth(tmp_path) == 0


def test_a_record_that_is_done_is_not_yielded_again_after_a_restart(tmp_path):
    lane = Lane()
    publish(tmp_path, lane.message(count=5))
    with consumer_on(tmp_path) as consumer:
        assert take(consumer, 2) == lane.ids(2)
    with consumer_on(tmp_path) as consumer:
        assert take(consumer) == lane.ids(3, 2)
    assert depth(tmp_path) == 0


def test_a_message_that_the_queue_brings_again_yields_nothing(tmp_path):
    lane = Lane()
    message = lane.message()
    publish(tmp_path, message)
    with consumer_on(tmp_path) as consumer:
        assert len(take(consumer)) == 3
    publish(tmp_path, message)
    with consumer_on(tmp_path) as consumer:
        assert take(consumer) == []
    assert depth(tmp_path) == 0


def test_a_record_left_without_a_word_comes_again_and_its_neighbours_do_not(tmp_path):
    lane = Lane()
    publish(tmp_path, lane.message())
    seen = []
    with consumer_on(tmp_path) as consumer:
        for delivery in consumer:
            seen.append(delivery.id)
            if len(seen) != 2:
                delivery.done("APPLIED")
            if len(seen) == 4:
                consumer.stop()
    first, second, third = lane.ids()
    assert seen == [first, second, third, second]


def test_a_record_to_be_retried_comes_again_not_before_its_time(tmp_path):
    lane = Lane()
    publish(tmp_path, lane.message(count=1))
    times = []
    with consumer_on(tmp_path) as consumer:
        for delivery in consumer:
            times.append(time.monotonic())
            if len(times) == 1:
                delivery.retry(0.4)
            else:
                delivery.done("APPLIED")
                consumer.stop()
    assert times[1] - times[0] >= 0.4


def test_an_exception_in_the_core_loses_nothing(tmp_path):
    lane = Lane()
    publish(tmp_path, lane.message())
    with consumer_on(tmp_path) as consumer:
        with pytest.raises(RuntimeError, match="the core"):
            fall_over(consumer)
        assert take(consumer) == lane.ids()


def test_done_keeps_the_answer_for_the_sender(tmp_path):
    lane = Lane()
    publish(tmp_path, lane.message())
    with consumer_on(tmp_path) as consumer:
        deliveries = consumer.waiting()
        next(deliveries).done("APPLIED")
        next(deliveries).done("REJECTED", code="NID_UNKNOWN", field_path="/person/nid")
        deliveries.close()
    first, second, _ = lane.ids()
    assert answers_in(tmp_path) == {
        first: Disposition.of("APPLIED"),
        second: Disposition.of("REJECTED", "NID_UNKNOWN", "/person/nid"),
    }


def test_a_wrong_word_in_done_changes_nothing(tmp_path):
    lane = Lane()
    publish(tmp_path, lane.message(count=1))
    with consumer_on(tmp_path) as consumer:
        for delivery in consumer.waiting():
            with pytest.raises(ValueError, match="DONE"):
                delivery.done("DONE")
            delivery.done("APPLIED")
    assert list(answers_in(tmp_path).values()) == [Disposition(Decision.APPLIED)]


def test_a_core_may_commit_a_whole_batch_at_once(tmp_path):
    lane = Lane()
    publish(tmp_path, lane.message(count=256))
    with consumer_on(tmp_path) as consumer:
        for batch in consumer.batches(until_idle=True):
            consumer.done_all({delivery: Disposition(Decision.APPLIED) for delivery in batch})
    assert len(answers_in(tmp_path)) == 256
    assert depth(tmp_path) == 0


def test_a_tampered_message_is_parked_and_said_and_the_rest_goes_on(tmp_path, capsys):
    lane = Lane()
    bad, good = lane.message(), lane.message(start=3)
    records = msgspec.json.decode(bad.body)["records"]
    records[0], records[1] = records[1], records[0]
    swapped = msgspec.json.encode(msgspec.json.decode(bad.body) | {"records": records})
    publish(tmp_path, Message(bad.id, bad.queue, swapped), good)
    with consumer_on(tmp_path) as consumer:
        assert take(consumer) == lane.ids(3, 3)
    assert parked(tmp_path) == ["tampered.tree"]
    said = capsys.readouterr().out
    assert "message.tampered" in said
    assert "محمد" not in said


def test_a_lane_with_two_histories_stops_and_what_follows_is_parked_until_it_is_cleared(tmp_path):
    shown, hidden = Lane(), Lane()
    publish(tmp_path, shown.message(), hidden.message(count=4, start=50), shown.message(start=3))
    with consumer_on(tmp_path) as consumer:
        assert take(consumer) == shown.ids()
        assert [stop.lane for stop in consumer.state().stopped] == ["moh"]
    assert parked(tmp_path) == ["tampered.history", "tampered.lane_stopped"]


def test_keys_that_are_away_interrupt_and_lose_nothing(tmp_path):
    lane = Lane()
    publish(tmp_path, lane.message())
    with consumer_on(tmp_path, keys=SealedAtFirst()) as consumer:
        with pytest.raises(Unavailable, match=r"unavailable\.keys"):
            take(consumer)
        assert take(consumer) == lane.ids()


class SealedAtFirst(OwnKeys):
    """A key service that is sealed when it is first asked."""

    sealed = True

    def private(self, kid):
        if self.sealed:
            self.sealed = False
            raise KeysUnavailable("keys: sealed")
        return super().private(kid)


def test_stop_from_another_thread_ends_the_loop(tmp_path):
    publish(tmp_path, Lane().message())
    with consumer_on(tmp_path) as consumer:
        threading.Timer(0.3, consumer.stop).start()
        began = time.monotonic()
        for delivery in consumer:
            delivery.done("APPLIED")
        assert time.monotonic() - began < 5


def test_two_consumers_of_one_ledger_yield_no_record_after_it_was_done(tmp_path):
    lane = Lane()
    message = lane.message(count=4)
    publish(tmp_path, message)
    with consumer_on(tmp_path) as slow, consumer_on(tmp_path) as fast:
        at_slow = iter(slow)
        first = next(at_slow)
        # The queue takes the slow one for dead and brings the message to the fast one.
        publish(tmp_path, Message("again", message.queue, message.body))
        assert take(fast) == lane.ids(4)
        first.done("REJECTED", code="LATE")
        threading.Timer(0.3, slow.stop).start()
        assert list(at_slow) == []
    assert set(answers_in(tmp_path).values()) == {Disposition(Decision.APPLIED)}


def test_what_the_core_committed_before_a_crash_is_not_yielded_but_answered(tmp_path):
    lane = Lane()
    publish(tmp_path, lane.message())
    first = identifier(0)
    rejected = Disposition.of("REJECTED", "NOT_FINAL")
    with consumer_on(tmp_path, decided=lambda ids: {first: rejected} if first in ids else {}) as consumer:
        assert take(consumer) == lane.ids(2, 1)
    assert answers_in(tmp_path)[first] == rejected


DEATHS = 6


def started(folder, kind):
    command = [sys.executable, HERE / "core_process.py", folder, kind]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE.parent.parent)


@pytest.mark.parametrize(("kind", "records"), [("plain", 700), ("remembering", 2000)])
def test_killed_at_any_instant_every_record_is_done_and_none_comes_again_after_done(tmp_path, kind, records):
    lane = Lane()
    publish(tmp_path, *(lane.message(count=100, start=start) for start in range(0, records, 100)))
    core = sqlite3.connect(tmp_path / "core.db", isolation_level=None)
    # Only a core that remembers may insist on seeing each record once.
    core.execute(f"CREATE TABLE seen (id TEXT {'PRIMARY KEY' if kind == 'remembering' else ''})")
    core.execute("CREATE TABLE done (id TEXT PRIMARY KEY)")
    instants = random.Random(2026)  # noqa: S311  the same instants in every run
    for _ in range(DEATHS):
        with started(tmp_path, kind) as process:
            assert process.stdout.readline() == "ready\n"
            time.sleep(instants.random() * 0.25)
            process.kill()
    with started(tmp_path, kind) as process:
        assert process.stdout.read() == "ready\nfinished\n"
    assert {row[0] for row in core.execute("SELECT id FROM seen")} == set(lane.ids(records))
    (twice,) = core.execute("SELECT count(*) - count(DISTINCT id) FROM seen").fetchone()
    assert twice <= DEATHS  # at most the one record under way at each death
    assert len(answers_in(tmp_path)) == records
    assert depth(tmp_path) == 0
