import pytest
from consumer_parts import identifier, ledger_at
from hypothesis import given
from hypothesis import strategies as st

from gateway.consumer.answers import Answer, Answers, AnswersState, Owed
from gateway.consumer.dispositions import Decision, Disposition, Reason

APPLIED = Disposition(Decision.APPLIED)
REVIEWED = Disposition(Decision.PENDING_REVIEW, Reason.NAME_CONFLICT, "/person/name")
UNKNOWN = Disposition(Decision.REJECTED, Reason.NID_UNKNOWN, "/person/nid")


def owed(number=1, agency="moh"):
    return Owed(identifier(number), agency, f"death/{number}")


def test_an_answer_marks_its_record_and_survives_a_restart(tmp_path):
    answer = Answer(owed(), UNKNOWN, 1_769_846_400_123)
    with ledger_at(tmp_path / "ledger.db") as ledger:
        Answers(ledger).keep([answer])
    with ledger_at(tmp_path / "ledger.db") as ledger:
        assert ledger.unhandled([owed().record_id]) == frozenset()
        assert Answers(ledger).ready(10) == [answer]


def test_the_first_answer_stands(tmp_path):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        answers = Answers(ledger)
        answers.keep([Answer(owed(), APPLIED, 1)])
        answers.keep([Answer(owed(), UNKNOWN, 2)])
        assert answers.ready(10) == [Answer(owed(), APPLIED, 1)]


def test_a_receipted_answer_is_forgotten_and_not_given_again(tmp_path):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        answers = Answers(ledger)
        answers.keep([Answer(owed(), APPLIED, 1)])
        answers.settle([Answer(owed(), APPLIED, 1)], {})
        answers.keep([Answer(owed(), UNKNOWN, 2)])
        assert answers.state() == AnswersState(awaited=0, ready=0, refused=0)


def test_a_refused_answer_is_set_aside_and_counted(tmp_path):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        answers = Answers(ledger)
        answers.keep([Answer(owed(1), APPLIED, 1), Answer(owed(2), APPLIED, 1)])
        answers.settle([], {Answer(owed(1), APPLIED, 1): "record.conflict"})
        assert [answer.owed for answer in answers.ready(10)] == [owed(2)]
        assert answers.state() == AnswersState(awaited=0, ready=1, refused=1)


def test_a_refused_answer_can_be_sent_once_more(tmp_path):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        answers = Answers(ledger)
        answers.keep([Answer(owed(1), APPLIED, 1)])
        answers.settle([], {Answer(owed(1), APPLIED, 1): "record.date.future"})
        assert answers.again() == 1
        assert answers.ready(10) == [Answer(owed(1), APPLIED, 1)]


def test_answers_wait_in_the_order_they_were_given(tmp_path):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        answers = Answers(ledger)
        for number in range(5):
            answers.keep([Answer(owed(number), APPLIED, number)])
        assert [answer.decided_ms for answer in answers.ready(3)] == [0, 1, 2]


def test_a_record_handed_over_awaits_the_cores_answer(tmp_path):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        answers = Answers(ledger)
        answers.owe([owed(1), owed(2)])
        assert ledger.unhandled([owed(1).record_id]) == frozenset()
        assert answers.ready(10) == []
        assert answers.decide(owed(1).record_id, UNKNOWN, 7)
        assert answers.ready(10) == [Answer(owed(1), UNKNOWN, 7)]
        assert answers.state() == AnswersState(awaited=1, ready=1, refused=0)


def test_after_an_answer_that_is_not_the_last_word_another_is_owed(tmp_path):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        answers, record = Answers(ledger), owed().record_id
        answers.keep([Answer(owed(), REVIEWED, 1)])
        assert answers.state() == AnswersState(awaited=1, ready=1, refused=0)
        answers.settle(answers.ready(1), {})
        assert answers.decide(record, REVIEWED, 2)
        assert answers.decide(record, APPLIED, 3)
        assert not answers.decide(record, UNKNOWN, 4)
        last = [Answer(owed(), REVIEWED, 2, 1), Answer(owed(), APPLIED, 3, 2)]
        assert answers.ready(10) == last
        answers.settle(last, {})
        assert answers.state() == AnswersState(awaited=0, ready=0, refused=0)


def test_an_interim_answer_given_again_after_a_crash_asks_for_no_second_last_word(tmp_path):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        answers = Answers(ledger)
        for _ in range(2):
            answers.keep([Answer(owed(), REVIEWED, 1)])
        assert answers.ready(10) == [Answer(owed(), REVIEWED, 1)]
        assert answers.state().awaited == 1


def test_an_answer_nobody_is_owed_changes_nothing(tmp_path):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        answers = Answers(ledger)
        answers.owe([owed(1)])
        answers.decide(owed(1).record_id, APPLIED, 1)
        assert not answers.decide(owed(1).record_id, UNKNOWN, 2)
        with pytest.raises(LookupError):
            answers.decide(owed(2).record_id, APPLIED, 2)
        assert [answer.disposition for answer in answers.ready(10)] == [APPLIED]


def test_of_a_group_of_answers_all_are_kept_or_none(tmp_path):
    with ledger_at(tmp_path / "ledger.db") as ledger:
        answers = Answers(ledger)
        with pytest.raises(ValueError, match="UUID"):
            answers.keep([Answer(owed(1), APPLIED, 1), Answer(Owed("nothing", "moh", "x"), APPLIED, 1)])
        assert ledger.unhandled([owed(1).record_id]) == {owed(1).record_id}


@pytest.mark.parametrize(
    ("outcome", "code", "path"),
    [
        ("APPLIED", "LATE", ""),
        ("REJECTED", "", ""),
        ("applied", "", ""),
        ("REJECTED", "BECAUSE", ""),
        ("REJECTED", "LATE", "person/nid"),
        ("REJECTED", "LATE", "/person~2"),
        ("REJECTED", "LATE", "/person/محمد"),
        ("REJECTED", "LATE", "/a\nb"),
        ("REJECTED", "LATE", "/" + "a" * 200),
    ],
)
def test_an_answer_in_other_words_than_the_contracts_is_refused(outcome, code, path):
    with pytest.raises(ValueError, match=r"."):
        Disposition.of(outcome, code, path)


@given(
    st.sampled_from(Decision),
    st.sampled_from(Reason),
    st.lists(st.sampled_from(["person", "nid", "0"]), max_size=8),
)
def test_every_answer_of_the_contract_can_be_given(decision, reason, parts):
    path = "".join("/" + part for part in parts)
    code = "" if decision is Decision.APPLIED else reason.value
    disposition = Disposition.of(decision.value, code, path)
    assert (disposition.outcome, disposition.field_path) == (decision, path)
