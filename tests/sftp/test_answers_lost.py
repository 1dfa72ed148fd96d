"""The disk loses answers to a file in the middle of it: what is left stands, and the rest is answered again."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from place import CSV, DEADLINE_S, QUOTA, FileKeysHeld, Person, Place, configured, host_key, open_place, rows
from support.ssh import key_pair

from adapters.sftp.answers import Answers
from adapters.sftp.entry import Entry, State
from adapters.sftp.journal import listing
from adapters.sftp.names import RECEIPTS, RESULTS, SUMMARY
from adapters.sftp.sealed import BLOCK_BYTES
from adapters.sftp.tree import Tree
from gateway.errors import Unavailable

NAME = "lost.csv"
ROWS, A_DAY = 2400, 1800
"""Of a file, and what its sender may send a day: so it is interrupted in its middle."""
LONG_BYTES = 7500
STORED_BYTES = BLOCK_BYTES + 28
HEADER_BYTES = 24


@dataclass(frozen=True)
class Interrupted:
    """A gateway that stopped in the middle of a file, and `answers` that its rows must have once it went on.

    `read` is what the results' reader saw before it stopped.
    """

    folder: Path
    keys: FileKeysHeld
    public: str
    answers: list[str]
    read: list[dict[str, str]]

    def again(self, folder: Path) -> Path:
        """Return a copy of all that it keeps."""
        shutil.copytree(self.folder, folder / "again", ignore=shutil.ignore_patterns("config"))
        return folder / "again"


def mixed() -> tuple[bytes, list[str]]:
    """Return a file with rows of all kinds, and the outcome of each.

    Two of three are long and refused, so that what is read at a time has few rows and groups go two to a batch.
    """
    head, *lines = rows(ROWS).splitlines()
    answers = ["accepted"] * ROWS
    for n in range(ROWS):
        third, rest = divmod(n, 3)
        if rest:
            lines[n], answers[n] = lines[n].replace(b"15/06/2008", b"x" * LONG_BYTES), "refused"
        elif third % 5 == 2:
            lines[n], answers[n] = lines[n].replace(b";1;18;", b";2;18;"), "quarantined"
        elif third % 5 == 4 and third > 130:
            # What it repeats stands in a group before or in its own, and was accepted or waits.
            back = (121, 122, 1, 2)[third // 5 % 4]
            lines[n], answers[n] = lines[n - 3 * back], "duplicate"
    return b"\r\n".join([head, *lines, b""]), answers


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Interrupted:
    folder = tmp_path_factory.mktemp("lost")
    keys, public = FileKeysHeld(), key_pair(folder / "cso")
    configuration = configured(folder, keys=[public])
    configuration.agency(
        "cso", adapter=["rest", "sftp"], quota=QUOTA | {"records_per_day": A_DAY}, files={"keys": [public]}
    )
    octets, answers = mixed()
    with open_place(folder, configuration, keys) as place:
        cso = Person(folder / "cso", "cso", place.port, host_key(keys))
        cso.put(NAME, octets, ROWS, 1)
        deadline = time.monotonic() + DEADLINE_S
        while not place.inbound._desk._not_before:  # until it is held up
            assert time.monotonic() < deadline, place.entry(NAME)
            time.sleep(0.05)
        read = cso.results(NAME)
    assert A_DAY - 256 < stopped(folder).position < ROWS
    return Interrupted(folder, keys, public, answers, read)


def stopped(folder: Path) -> Entry:
    return next(entry for entry in listing(folder / "files" / "journal.db") if entry.name == NAME)


def last_block(octets: bytearray) -> int:
    return (len(octets) - HEADER_BYTES) // STORED_BYTES * STORED_BYTES + HEADER_BYTES


def cut_in_the_last_block(octets: bytearray) -> None:
    del octets[(last_block(octets) + len(octets)) // 2 :]


def cut_before_the_last_block(octets: bytearray) -> None:
    del octets[last_block(octets) :]


def torn(octets: bytearray) -> None:
    at = (last_block(octets) + len(octets)) // 2
    octets[at:] = b"\x5a" * (len(octets) - at)


def zeroed(octets: bytearray) -> None:
    at = last_block(octets)
    octets[at:] = bytes(len(octets) - at)


def longer_and_torn(octets: bytearray) -> None:
    octets += b"\x5a" * 1000


def spoilt_in_the_middle(octets: bytearray) -> None:
    octets[HEADER_BYTES + STORED_BYTES + 100] ^= 1


def without_header(octets: bytearray) -> None:
    octets[:HEADER_BYTES] = bytes(HEADER_BYTES)


def with_another_salt(octets: bytearray) -> None:
    octets[HEADER_BYTES - 1] ^= 1


def emptied(octets: bytearray) -> None:
    octets.clear()


DAMAGES = (
    cut_in_the_last_block, cut_before_the_last_block, torn, zeroed, longer_and_torn, spoilt_in_the_middle,
    without_header, with_another_salt, emptied,
)  # fmt: skip


@pytest.mark.parametrize("suffix", [RESULTS, RECEIPTS])
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_every_row_has_its_one_answer_whatever_was_lost(
    interrupted: Interrupted, tmp_path: Path, damage: Callable[[bytearray], None], suffix: str
) -> None:
    folder = interrupted.again(tmp_path)
    damaged(answer(folder, suffix), damage)
    holds(folder, interrupted)


@pytest.mark.parametrize("gone", [(RESULTS,), (RECEIPTS,), (RESULTS, RECEIPTS)])
def test_every_row_has_its_one_answer_when_nothing_is_left(
    interrupted: Interrupted, tmp_path: Path, gone: tuple[str, ...]
) -> None:
    folder = interrupted.again(tmp_path)
    for suffix in gone:
        answer(folder, suffix).unlink()
    holds(folder, interrupted)


def test_what_was_promised_of_an_original_that_is_lost_in_its_middle_stands(
    interrupted: Interrupted, tmp_path: Path
) -> None:
    folder = interrupted.again(tmp_path)
    damaged(answer(folder, ""), cut_before_the_last_block)
    with open_place(folder, allowed(folder, interrupted), interrupted.keys) as place:
        entry = place.answered(NAME)
        results = person(place, interrupted).results(NAME)
        assert (entry.state, entry.code) == ("answered", "tampered.file")
        assert stopped(interrupted.folder).position <= entry.position < ROWS
        assert [line["outcome"] for line in results] == interrupted.answers[: entry.position]
        summary = person(place, interrupted).summary(NAME)
        assert (summary["received"], summary["code"]) == (entry.position, "tampered.file")


def test_an_answer_that_is_spoilt_while_it_grows_has_its_file_tried_again(tmp_path: Path) -> None:
    tree = Tree(tmp_path, FileKeysHeld())
    entry = Entry("id", "cso", CSV, NAME, State.TAKEN, 0, 0, "")
    with Answers(tree, entry, "utf-8") as answers:
        answers.open()
        entry = answers.sync(entry)
    damaged(Path(tree.path("cso", CSV, NAME + RESULTS)), torn)
    with Answers(tree, entry, "utf-8") as answers:
        answers.open()
        with pytest.raises(Unavailable) as caught:
            answers.digest()
    assert caught.value.code == "unavailable.file_answers"


def damaged(path: Path, damage: Callable[[bytearray], None]) -> None:
    octets = bytearray(path.read_bytes())
    damage(octets)
    path.write_bytes(octets)


def test_answers_are_read_while_the_rest_of_the_file_is_not_taken_yet(interrupted: Interrupted) -> None:
    assert len(interrupted.read) == stopped(interrupted.folder).position
    assert [line["outcome"] for line in interrupted.read] == interrupted.answers[: len(interrupted.read)]
    assert not answer(interrupted.folder, SUMMARY).exists()


def test_what_is_left_stands_octet_for_octet(interrupted: Interrupted, tmp_path: Path) -> None:
    folder = interrupted.again(tmp_path)
    with open_place(folder, allowed(folder, interrupted), interrupted.keys) as place:
        place.answered(NAME)
        told = person(place, interrupted).get(f"/in/{CSV}/{NAME}{RECEIPTS}")
    other = interrupted.again(tmp_path / "other")
    damaged(answer(other, RECEIPTS), zeroed)
    left = (
        (last_block(bytearray(answer(other, RECEIPTS).read_bytes())) - HEADER_BYTES)
        // STORED_BYTES
        * BLOCK_BYTES
    )
    with open_place(other, allowed(other, interrupted), interrupted.keys) as place:
        place.answered(NAME)
        again = person(place, interrupted).get(f"/in/{CSV}/{NAME}{RECEIPTS}")
    stands = told[:left].rpartition(b"\n")[0]
    assert again.startswith(stands)


def answer(folder: Path, suffix: str) -> Path:
    return folder / "files" / "cso" / "in" / CSV / f"{NAME}{suffix}"


def allowed(folder: Path, interrupted: Interrupted):
    return configured(folder, keys=[interrupted.public])


def person(place: Place, interrupted: Interrupted) -> Person:
    return Person(place.folder / "cso", "cso", place.port, host_key(interrupted.keys))


def holds(folder: Path, interrupted: Interrupted) -> None:
    """Go on with what is in a folder, and hold answers, counts and lane against each other and what they should be."""
    before = stopped(folder)
    with open_place(folder, allowed(folder, interrupted), interrupted.keys) as place:
        entry = place.answered(NAME)
        cso = person(place, interrupted)
        results = cso.results(NAME)
        assert [int(line["row"]) for line in results] == list(range(1, ROWS + 1))
        assert [line["outcome"] for line in results] == interrupted.answers
        counts = Counter(interrupted.answers)
        assert (entry.id, entry.state, entry.code) == (before.id, "answered", "")
        assert (entry.accepted, entry.duplicate, entry.quarantined, entry.refused) == tuple(
            counts[kind] for kind in ("accepted", "duplicate", "quarantined", "refused")
        )
        summary = cso.summary(NAME)
        told = cso.get(f"/in/{CSV}/{NAME}{RESULTS}")
        assert summary["results_sha256"] == hashlib.sha256(told).hexdigest()
        assert summary["received"] == ROWS == sum(summary[kind] for kind in counts)
        promised = {
            line["record"]: int(line["index"])
            for line in results
            if line["outcome"] in ("accepted", "quarantined")
        }
        assert (summary["first_index"], summary["last_index"]) == (
            min(promised.values()), max(promised.values()),
        )  # fmt: skip
        receipted(cso.get(f"/in/{CSV}/{NAME}{RECEIPTS}"), interrupted.answers)
        said = [one["id"] for one in place.lane("cso") if one["kind"] == "record.accepted"]
        assert sorted(said) == sorted(promised)


def receipted(octets: bytes, answers: list[str]) -> None:
    """See that there is what receipts are made of for each row that was promised, in order and once."""
    batch, positions = None, []
    for line in map(json.loads, octets.splitlines()):
        if "batch" in line:
            batch = line["batch"]
            continue
        positions.append(line["position"])
        assert line["outcome"] == answers[line["position"] - 1]
        assert line["outcome"] == "duplicate" or "receipt" in line or (batch is not None and line["salt"])
    assert positions == [n for n, outcome in enumerate(answers, 1) if outcome != "refused"]
