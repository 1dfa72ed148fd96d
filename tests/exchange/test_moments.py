"""Names made of instants."""

from __future__ import annotations

import uuid

from gateway.moments import now_ms, uuid7
from gateway.submissions import submission_id


def test_a_new_name_is_a_uuid_of_version_7_that_tells_when_it_was_made():
    before, made, after = now_ms(), [uuid.UUID(uuid7()) for _ in range(1000)], now_ms()
    assert {(one.version, one.variant) for one in made} == {(7, uuid.RFC_4122)}
    assert all(before <= one.int >> 80 <= after for one in made)
    assert len(set(made)) == len(made)


def test_a_submission_s_name_is_written_as_uuids_are_and_the_same_for_the_same_key():
    made = submission_id("moh", "key")
    assert str(uuid.UUID(made)) == made
    assert uuid.UUID(made).version == 8
    assert made == submission_id("moh", "key") != submission_id("cso", "key")
    assert uuid.UUID(submission_id("moh", "")).version == 7
