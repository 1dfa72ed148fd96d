import time

import pytest
from answer_desk import OUT_OF_REACH, Desk, client_context, serving
from consumer_parts import identifier, ledger_at

from gateway.consumer.answering import Answering, encode
from gateway.consumer.answers import Answer, Answers, AnswersState, Owed
from gateway.consumer.dispositions import Disposition
from gateway.demo.local import free_ports
from gateway.errors import Rejected, Unavailable

APPLIED = Disposition.of("APPLIED")
LATE = Disposition.of("REJECTED", "LATE", "/death_date")
SETTLED = AnswersState(awaited=0, ready=0, refused=0)


@pytest.fixture(scope="module")
def desk():
    return Desk()


@pytest.fixture(scope="module")
def url(desk):
    with serving(desk) as url:
        yield url


@pytest.fixture(autouse=True)
def fresh(desk):
    desk.taken.clear()
    desk.posts.clear()
    desk.trouble, desk.before_trouble = None, 0


@pytest.fixture
def answers(tmp_path):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        yield Answers(ledger)


@pytest.fixture
def answering(answers, desk, url):
    return Answering(answers, "nea", url, client_context(desk.authority))


def given(*numbers, agency="moh", disposition=APPLIED, at_ms=None):
    at_ms = at_ms or time.time_ns() // 1_000_000
    return [Answer(Owed(identifier(n, agency), agency, f"death/{n}"), disposition, at_ms) for n in numbers]


def test_answers_reach_the_gateway_in_one_submission_for_each_agency(answers, answering, desk):
    answers.keep([*given(1, 2), *given(3, agency="cso", disposition=LATE)])
    assert answering.send() == 3
    assert desk.answers() == {
        identifier(1): ("moh", "APPLIED"),
        identifier(2): ("moh", "APPLIED"),
        identifier(3, "cso"): ("cso", "REJECTED"),
    }
    assert [(recipient, count) for recipient, count, _ in desk.posts] == [("moh", 2), ("cso", 1)]
    assert answers.state() == SETTLED


def test_a_thousand_answers_are_sent_in_a_few_submissions(answers, answering, desk):
    answers.keep(given(*range(1000)))
    with answering.running():
        pass
    assert len(desk.taken) == 1000
    assert len(desk.posts) == 4
    assert answers.state() == SETTLED


def test_an_answer_whose_receipt_was_lost_is_sent_again_and_known_there(answers, answering, desk, tmp_path):
    first = given(1, 2)
    answers.keep(first)
    answering.send()
    with ledger_at(tmp_path / "older.db") as ledger:  # the ledger as it was before the receipt came
        older = Answers(ledger)
        older.keep(first)
        Answering(older, "nea", str(answering._client.base_url), client_context(desk.authority)).send()
        assert older.state() == SETTLED
    assert len(desk.taken) == 2


def test_the_same_answers_go_under_the_same_key_and_others_under_another(answers, answering, desk):
    desk.trouble = OUT_OF_REACH
    answers.keep(given(1))
    for _ in range(2):
        with pytest.raises(Unavailable):
            answering.send()
    answers.keep(given(2))
    with pytest.raises(Unavailable):
        answering.send()
    first, second, third = [key for _, _, key in desk.posts]
    assert first == second != third


def test_when_the_gateway_cannot_take_them_they_wait(answers, answering, desk):
    desk.trouble = OUT_OF_REACH
    answers.keep(given(1))
    with pytest.raises(Unavailable, match=r"unavailable\.gateway: unavailable\.store"):
        answering.send()
    assert answers.state().ready == 1
    desk.trouble = None
    assert answering.send() == 1


def test_a_stream_that_breaks_off_settles_what_was_answered_and_no_more(answers, answering, desk):
    answers.keep(given(1, 2, 3))
    desk.trouble, desk.before_trouble = OUT_OF_REACH, 2
    assert answering.send() == 2
    assert [answer.owed.record_id for answer in answers.ready(9)] == [identifier(3)]


def test_an_answer_that_the_gateway_refuses_is_set_aside_and_the_others_go_through(answers, answering):
    tomorrow_ms = (int(time.time()) + 3 * 86_400) * 1000
    answers.keep([*given(1, at_ms=tomorrow_ms), *given(2)])
    assert answering.send() == 2
    assert answers.state() == AnswersState(awaited=0, ready=0, refused=1)
    assert answering.send() == 0


def test_a_submission_refused_as_a_whole_loses_no_answer(answers, answering, desk):
    desk.trouble = Rejected("agreement.missing", "there must be an agreement")
    answers.keep(given(1))
    with pytest.raises(Unavailable, match=r"agreement\.missing"):
        answering.send()
    assert answers.state().ready == 1


def test_a_gateway_that_is_not_there_is_tried_again(answers, desk):
    (port,) = free_ports(1)
    answers.keep(given(1))
    with pytest.raises(Unavailable, match=r"unavailable\.gateway"):
        Answering(answers, "nea", f"https://localhost:{port}", client_context(desk.authority)).send()
    assert answers.state().ready == 1


def test_a_gateway_with_a_foreign_certificate_is_told_nothing(answers, desk, url):
    answers.keep(given(1))
    stranger = Desk()
    with pytest.raises(Unavailable, match=r"unavailable\.gateway"):
        Answering(answers, "nea", url, client_context(stranger.authority)).send()
    assert desk.posts == []


def test_without_a_certificate_of_its_own_nothing_is_taken(answers, desk, url):
    answers.keep(given(1))
    with pytest.raises(Unavailable, match=r"identity\.certificate_missing"):
        Answering(answers, "nea", url, client_context(desk.authority, name="")).send()
    assert answers.state().ready == 1


def test_the_thread_goes_on_after_an_outage(answers, answering, desk):
    desk.trouble = OUT_OF_REACH
    answers.keep(given(1))
    with answering.running():
        deadline = time.monotonic() + 10
        while not desk.posts and time.monotonic() < deadline:
            time.sleep(0.02)
        desk.trouble = None
        while answers.state() != SETTLED and time.monotonic() < deadline:
            time.sleep(0.02)
    assert answers.state() == SETTLED


def test_the_last_word_corrects_the_answer_before_it_even_in_the_same_submission(answers, answering, desk):
    answers.keep(given(1, disposition=Disposition.of("PENDING_REVIEW", "NAME_CONFLICT")))
    assert answers.decide(identifier(1), APPLIED, time.time_ns() // 1_000_000)
    assert answering.send() == 2
    first, last = (payload for _, payload in desk.taken.values())
    assert (first["op"], first["outcome"]) == ("assert", "PENDING_REVIEW")
    assert (last["op"], last["outcome"], last["prior_ref"]) == ("correct", "APPLIED", first["source_ref"])
    assert answers.state() == SETTLED


def test_the_day_of_an_answer_is_that_of_the_countrys_wall_calendar():
    # 22:30 UTC on 30 January is half past midnight on the 31st in Cairo.
    (answer,) = given(1, at_ms=1_769_812_200_000)
    assert b'"occurred_on":"2026-01-31"' in encode(answer)
    assert b'"applied_at":"2026-01-30T22:30:00Z"' in encode(answer)


def test_only_what_was_applied_says_when():
    (answer,) = given(1, disposition=LATE)
    assert b"applied_at" not in encode(answer)
    assert b'"code":"LATE","field_path":"/death_date"' in encode(answer)
