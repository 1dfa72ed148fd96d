"""A key that the key server has let go is believed when today's key vouches for the lane that introduced it."""

import sqlite3
from base64 import b64encode
from contextlib import closing
from dataclasses import replace

import pytest
from support.batches import batch_of, terms_of
from support.signing import LocalSigner
from support.stores import Store

from crypto.openbao.signer import ED25519_KEY, MLDSA44_KEY
from gateway.errors import Tampered
from gateway.log.history import INTRODUCED
from gateway.log.replay import verify_lane
from gateway.log.trust import with_retired
from gateway.records import GATEWAY, Event

OLD, NEW, STRANGE = (LocalSigner(seed=bytes([seed]) * 32) for seed in (1, 2, 3))


def introduced(signer):
    public = signer.public_keys()
    for name, key in ((ED25519_KEY, public.ed25519[0]), (MLDSA44_KEY, public.mldsa44[0])):
        yield Event(GATEWAY, INTRODUCED, (("name", name), ("public", b64encode(key).decode())))


@pytest.fixture
async def store(tmp_path):
    """A store whose lanes were signed by OLD and, but for what NEW introduced itself with, never since."""
    store = Store(tmp_path / "store.db", signer=OLD)
    await store.log.note(list(introduced(OLD)))
    await store.log.append(batch_of(terms_of(), ["d/1", "d/2"]))
    store.signer = NEW
    store.reopen()
    await store.log.note(list(introduced(NEW)))
    yield store
    store.close()


def holds(store, lane, signer):
    policy = with_retired(store.db, signer.policy(store.policy(GATEWAY).origin))
    return verify_lane(store.db, lane, replace(policy, origin=f"gate.example/{lane}"))


def test_what_a_retired_key_signed_still_holds(store):
    with pytest.raises(Tampered):
        verify_lane(store.db, "moh", store.policy("moh"))
    assert holds(store, "moh", NEW).size == 3
    assert holds(store, GATEWAY, NEW).size == 5


def test_a_key_of_today_that_did_not_sign_the_lane_vouches_for_nothing(store):
    with pytest.raises(Tampered):
        holds(store, "moh", STRANGE)


def test_a_key_that_somebody_wrote_into_the_lane_is_not_believed(store):
    store.close()
    with closing(sqlite3.connect(store.path)) as db, db:
        query = "SELECT octets FROM entry WHERE instr(octets, ?) ORDER BY place"
        (octets,) = db.execute(query, [b"key.introduced"]).fetchone()
        forged = octets.replace(
            b64encode(OLD.public_keys().ed25519[0]), b64encode(STRANGE.public_keys().ed25519[0])
        )
        assert forged != octets
        db.execute("UPDATE entry SET octets = ? WHERE octets = ?", [forged, octets])
    store.open()
    policy = NEW.policy(f"gate.example/{GATEWAY}")
    assert with_retired(store.db, policy) == policy
