"""Nobody sends what no agreement in force covers, in a form or an amount that was not agreed."""

import asyncio
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from registry_parts import NOON, HeldKeys, ms

from crypto.errors import KeysUnavailable
from crypto.hpke import Suite
from gateway.errors import Rejected, Unavailable
from gateway.quotas import Quotas
from gateway.records import Origin, Submission
from gateway.refusals import Refusals
from gateway.registry import Living
from gateway.rules import ByRegistry, Keys

DAY = timedelta(days=1)


class World:
    """Rules over a configuration that a test may change, at a clock that it may turn."""

    def __init__(self, config):
        self.config = config
        self.keys = HeldKeys()
        self.now_s = 0.0
        self.refusals = Refusals()
        self.living = Living(config.sources(), lambda _events: None)
        keys = Keys(self.keys, self.keys, self.keys)
        self.quotas = Quotas(lambda: self.now_s)
        self.rules = ByRegistry(
            lambda: self.living.current, keys, self.quotas, Suite.CLASSICAL, self.refusals
        )

    def terms(self, sender="moh", recipient="", contract="death.v1", at=NOON):
        return self.rules.terms(sender, recipient, contract, ms(at))

    def code(self, **question):
        with pytest.raises(Rejected) as caught:
            self.terms(**question)
        return caught.value.code


@pytest.fixture
def world(config):
    return World(config)


def submission(
    sender="moh", contract="death.v1", media_type="application/json", signature="", adapter="rest"
):
    async def nothing():
        return
        yield b""

    origin = Origin("0" * 64, signature, "key" if signature else "")
    return Submission("s1", adapter, sender, "", contract, media_type, origin, ms(NOON), "", nothing())


def test_terms_say_everything_that_sealing_needs(world):
    terms = world.terms()
    assert (terms.agreement, terms.sender, terms.recipient, terms.lane) == (
        "moh-nea-death.v1",
        "moh",
        "nea",
        "moh",
    )
    assert [key.kid for key in terms.recipient_keys] == ["nea-1"]
    assert terms.freeze == "pass"
    assert terms.catalogue == world.living.current.catalogue.digest
    assert terms.pseudonym_key != terms.promise_key


def test_terms_are_the_same_object_while_nothing_changes_and_ask_for_keys_once(world):
    first = world.terms()
    assert world.terms(recipient="nea", at=NOON + DAY) is first
    assert world.keys.asked == 1


def test_terms_are_equal_after_a_change_that_does_not_concern_them(world):
    first = world.terms()
    world.config.agency("cso", revoked=["0" * 64])
    world.living.reload()
    assert world.terms() == first
    assert hash(world.terms()) == hash(first)


def test_terms_change_with_the_recipients_key(world):
    first = world.terms()
    world.config.agency("nea", "authority", recipient_keys=["nea-2"])
    world.living.reload()
    assert world.terms() != first


def test_warming_fetches_every_key_before_it_is_needed(world):
    world.rules.warm(ms(NOON))
    asked = world.keys.asked
    world.terms()
    world.terms("nea", "moh", "disposition.v1")
    assert world.keys.asked == asked == 4


def test_keys_that_cannot_be_had_are_no_reason_to_seal_otherwise(world):
    def lost(_kid):
        raise KeysUnavailable("keys: sealed")

    world.keys.public = lost
    with pytest.raises(Unavailable) as caught:
        world.terms()
    assert caught.value.code == "unavailable.keys"


def test_a_refused_question_names_its_reason(world):
    assert world.code(contract="tax.v1") == "contract.unknown"
    assert world.code(contract="disposition.v1") == "agreement.missing"
    assert world.code(sender="nobody") == "agreement.missing"
    assert world.code(recipient="cso") == "agreement.missing"
    assert world.code(at=datetime(2025, 12, 31, tzinfo=UTC)) == "agreement.not_yet_valid"
    assert world.code(at=datetime(2029, 1, 1, tzinfo=UTC)) == "agreement.expired"
    assert world.code(sender="nea", contract="disposition.v1") == "agreement.recipient_ambiguous"
    assert world.terms("nea", "cso", "disposition.v1").agreement == "nea-cso-disposition.v1"


def test_an_agreement_holds_to_the_last_instant_of_its_last_day_in_cairo(world):
    midnight = datetime(2028, 12, 31, 22, tzinfo=UTC)
    assert world.terms(at=midnight - timedelta(milliseconds=1))
    assert world.code(at=midnight) == "agreement.expired"


def test_the_refusal_of_a_contract_does_not_repeat_its_name(world):
    with pytest.raises(Rejected) as caught:
        world.terms(contract="29001014100011")
    assert "29001014100011" not in str(caught.value)


def test_between_two_agreements_there_is_none(world):
    world.config.agreement(
        "moh", "nea", "death.v1", id="later", valid_from="2030-01-01", valid_until="2030-12-31"
    )
    world.living.reload()
    assert world.code(at=datetime(2029, 6, 1, tzinfo=UTC)) == "agreement.not_yet_valid"
    assert world.terms(at=datetime(2030, 6, 1, tzinfo=UTC)).agreement == "later"


ELECTION = """elections:
  - id: house
    title: {ar: انتخابات, en: Election}
    called_on: 2026-11-01
    print_on: 2026-12-31
    polling_on: 2027-01-10
    ends_on: 2027-01-12
    scope: national
"""


@pytest.mark.parametrize(
    ("day", "death", "newcomer"),
    [
        (date(2026, 10, 31), "pass", "pass"),
        (date(2026, 11, 20), "pass", "hold"),
        (date(2026, 12, 26), "pass", "hold"),
        (date(2026, 12, 27), "hold", "hold"),
        (date(2027, 1, 13), "pass", "pass"),
    ],
)
def test_the_freeze_holds_what_would_change_the_register_and_never_an_answer(world, day, death, newcomer):
    world.config.write("calendar.yaml", ELECTION)
    world.living.reload()
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    assert world.terms(at=at).freeze == death
    assert world.terms("cso", "nea", "eligibility-gained.v1", at=at).freeze == newcomer
    assert world.terms("nea", "moh", "disposition.v1", at=at).freeze == "pass"


def test_the_day_of_a_freeze_begins_at_midnight_in_cairo(world):
    world.config.write("calendar.yaml", ELECTION)
    world.living.reload()
    midnight = datetime(2026, 10, 31, 22, tzinfo=UTC)  # winter time, UTC+2
    question = {"sender": "cso", "recipient": "nea", "contract": "eligibility-gained.v1"}
    assert world.terms(**question, at=midnight - timedelta(milliseconds=1)).freeze == "pass"
    assert world.terms(**question, at=midnight).freeze == "hold"


def test_a_media_type_that_the_binding_does_not_take_is_refused(world):
    world.rules.admit(submission())
    with pytest.raises(Rejected) as caught:
        world.rules.admit(submission(media_type="text/29001014100011"))
    assert caught.value.code == "contract.media_type"
    assert "29001014100011" not in str(caught.value)


def test_what_comes_by_another_adapter_than_the_agency_is_registered_for_is_refused(world):
    asked = {"sender": "cso", "contract": "eligibility-gained.v1", "media_type": "text/csv"}
    world.rules.admit(submission(**asked))
    for other in ("sftp", "soap"):
        with pytest.raises(Rejected, match="one of rest") as caught:
            world.rules.admit(submission(**asked, adapter=other))
        assert caught.value.code == "agreement.adapter"
    key = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    world.config.agency("cso", adapter=["sftp"], files={"keys": [key.decode()]})
    world.living.reload()
    world.rules.admit(submission(**asked, adapter="sftp"))
    with pytest.raises(Rejected, match="one of sftp"):
        world.rules.admit(submission(**asked))


def test_an_unsigned_submission_is_refused_where_a_signature_was_agreed(world):
    world.config.agency("moh", origin_keys=[{"kid": "moh-1", "key": "pki/origin.pem"}])
    world.config.agreement("moh", "nea", "death.v1", origin_signature="required")
    world.living.reload()
    world.rules.admit(submission(signature="jws"))
    with pytest.raises(Rejected) as caught:
        world.rules.admit(submission())
    assert caught.value.code == "agreement.origin_signature_required"


def test_more_submissions_a_second_than_agreed_are_put_off(world):
    for _ in range(5):
        world.rules.admit(submission())
    with pytest.raises(Unavailable) as caught:
        world.rules.admit(submission())
    assert (caught.value.code, caught.value.retry_after_s) == ("quota.submissions", 1)
    world.now_s += 1
    world.rules.admit(submission())


def test_one_agencys_hurry_costs_no_other_agency(world):
    for _ in range(5):
        world.rules.admit(submission())
    world.rules.admit(submission("cso", "eligibility-gained.v1", "text/csv"))


def test_records_beyond_the_burst_are_put_off_until_the_bucket_has_filled(world):
    for _ in range(4):
        world.rules.spend("moh", "death.v1", 256)  # 1,024 of a burst of 1,000: a group is never cut
    with pytest.raises(Unavailable) as caught:
        world.rules.spend("moh", "death.v1", 1)
    assert (caught.value.code, caught.value.retry_after_s) == ("quota.records", 1)
    world.now_s += caught.value.retry_after_s
    world.rules.spend("moh", "death.v1", 1)


def test_an_agency_that_is_taken_out_of_the_registry_can_send_no_further_group(world):
    world.rules.spend("moh", "death.v1", 1)
    for name in (
        "agencies/moh.yaml",
        "agreements/moh-nea-death.v1.yaml",
        "agreements/nea-moh-disposition.v1.yaml",
    ):
        (world.config.folder / name).unlink()
    world.living.reload()
    with pytest.raises(Rejected) as caught:
        world.rules.spend("moh", "death.v1", 1)
    assert caught.value.code == "identity.unknown"


def test_a_bucket_never_holds_more_than_the_burst(world):
    world.now_s += 1_000_000
    world.rules.spend("moh", "death.v1", 1000)
    with pytest.raises(Unavailable):
        world.rules.spend("moh", "death.v1", 1)


def test_a_day_has_its_own_limit_and_ends(world):
    for _ in range(10):
        world.rules.spend("moh", "death.v1", 1000)
        world.now_s += 60
    with pytest.raises(Unavailable) as caught:
        world.rules.spend("moh", "death.v1", 1)
    assert caught.value.code == "quota.records_per_day"
    assert caught.value.retry_after_s == 24 * 3600 - 600
    world.now_s += caught.value.retry_after_s
    world.rules.spend("moh", "death.v1", 1)


def test_who_has_as_many_records_waiting_for_an_officer_as_may_is_put_off_and_nobody_else(world):
    quota = {"records_per_s": 100, "burst": 1000, "submissions_per_s": 5, "records_per_day": 10_000}
    world.config.agency("moh", quota=quota | {"quarantined_records": 3})
    world.living.reload()
    world.quotas.measured({"moh": 1})
    world.quotas.quarantined("moh", 1)
    world.rules.spend("moh", "death.v1", 1)
    world.quotas.quarantined("moh", 1)
    with pytest.raises(Unavailable) as caught:
        world.rules.spend("moh", "death.v1", 1)
    assert (caught.value.code, caught.value.retry_after_s) == ("quota.quarantine", 60)
    world.rules.spend("cso", "eligibility-gained.v1", 1)
    world.quotas.measured({"moh": 2})
    world.rules.spend("moh", "death.v1", 1)


async def body(*chunks):
    for chunk in chunks:
        yield chunk


async def framed(world, media_type, *chunks):
    frames = world.rules.frame("moh", "death.v1", media_type, body(*chunks))
    return [group async for group in frames]


async def test_lines_are_handed_on_as_they_arrive_and_keep_their_positions(world):
    groups = await framed(world, "application/x-ndjson", b'{"a":1}\n{"a"', b":2}\n", b'{"a":3}')
    assert [[(record.position, record.octets) for record in group] for group in groups] == [
        [(1, b'{"a":1}')],
        [(2, b'{"a":2}')],
        [(3, b'{"a":3}')],
    ]


async def test_a_large_chunk_is_cut_into_groups_of_at_most_256_records(world):
    groups = await framed(world, "application/x-ndjson", b"{}\n" * 600)
    assert [len(group) for group in groups] == [256, 256, 88]
    assert [group[0].position for group in groups] == [1, 257, 513]


async def test_a_large_chunk_is_cut_into_groups_of_at_most_one_mebibyte(world):
    line = b'{"a":"' + b"x" * 15_000 + b'"}\n'
    groups = await framed(world, "application/x-ndjson", line * 200)
    assert all(sum(len(record.octets) for record in group) <= 1 << 20 for group in groups)
    assert sum(map(len, groups)) == 200


async def test_a_record_that_is_too_large_refuses_itself_and_not_its_neighbours(world):
    groups = await framed(world, "application/x-ndjson", b"{}\n" + b"x" * 1_000_000 + b"\n{}\n")
    records = [record for group in groups for record in group]
    assert [record.refusal.code if record.refusal else "" for record in records] == ["", "record.size", ""]


async def test_what_cannot_be_cut_is_a_refusal_at_its_position(world):
    groups = await framed(world, "application/json", b'[{"a":1},{"a":')
    last = groups[-1][-1]
    assert last.octets == b""
    assert last.refusal.code.startswith("record.json")


async def test_a_stream_under_way_is_slowed_down_to_its_quota_and_not_cut_off(config):
    quota = {"records_per_s": 1000, "burst": 256, "submissions_per_s": 5, "records_per_day": 10_000}
    config.agency("moh", quota=quota)
    world = World(config)
    world.rules = ByRegistry(
        lambda: world.living.current,
        Keys(world.keys, world.keys, world.keys),
        Quotas(time.monotonic),
        Suite.CLASSICAL,
        world.refusals,
    )
    began = time.monotonic()
    async for group in world.rules.frame(
        "moh", "death.v1", "application/x-ndjson", body(*[b"{}\n" * 256] * 3)
    ):
        world.rules.spend("moh", "death.v1", len(group))
        await asyncio.sleep(0)
    assert 0.2 < time.monotonic() - began < 5
