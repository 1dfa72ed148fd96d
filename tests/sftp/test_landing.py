"""When a file is whole, where nothing but its size says so; and what never became whole."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import time
from contextlib import closing

import pytest
from msgspec.structs import replace
from place import FileKeysHeld

from adapters.sftp.entry import State
from adapters.sftp.journal import Journal, listing
from adapters.sftp.landing import ABANDONED_S, STABLE_S, Landing
from adapters.sftp.names import Spot
from adapters.sftp.tree import Tree
from contracts.binding_documents import FilesDocument
from contracts.manifests import FileRules
from gateway.errors import Rejected
from gateway.files import FileAgency, Folder
from gateway.records import Origin

CONTRACT = "death.v1"
RULES = FileRules(FilesDocument(names=["*.xml"], complete="stable"))
FOLDER = Folder(CONTRACT, ("application/xml",), "utf-8", RULES, kept_days=30, signed=False)
AGENCY = FileAgency("cso", (), (), frozenset(), 1 << 30, 100, {CONTRACT: FOLDER})
PLACE = ("cso", CONTRACT, "list.xml")
MANIFEST = {
    "name": "{file}.manifest.json",
    "members": {"sha256": "sha256", "count": "rows", "sequence": "number"},
}


def with_rules(rules: FileRules) -> FileAgency:
    """Return the agency with other rules for its files."""
    folder = dataclasses.replace(FOLDER, rules=rules)
    return dataclasses.replace(AGENCY, folders={CONTRACT: folder})


@pytest.fixture
def landing(tmp_path):
    tree = Tree(tmp_path, FileKeysHeld())
    with closing(Journal(tmp_path / "journal.db")) as journal:
        yield Landing(tree, journal, lambda: None), journal


async def put(landing: Landing, octets: bytes) -> None:
    upload = landing.begin(AGENCY, Spot(CONTRACT, "list.xml"), Origin("ab" * 32, channel="ssh"), create=True)
    upload.write(upload.file.size, octets)
    await landing.end(AGENCY, upload)


def ago(journal: Journal, seconds: float) -> None:
    """Let the file have been closed so many seconds ago."""
    entry = journal.at(*PLACE)
    journal.put(replace(entry, landed_ms=int((time.time() - seconds) * 1000)))


async def test_a_file_that_nothing_is_added_to_for_a_while_is_whole(landing):
    landing, journal = landing
    await put(landing, b"<a/>")
    assert journal.at(*PLACE).state is State.LANDING
    ago(journal, STABLE_S + 1)
    await put(landing, b"<b/>")
    landing.settle(AGENCY, CONTRACT)
    assert journal.at(*PLACE).state is State.LANDING
    ago(journal, STABLE_S + 1)
    landing.settle(AGENCY, CONTRACT)
    assert journal.at(*PLACE).state is State.WHOLE


async def test_a_file_that_is_open_or_was_cut_off_while_more_came_is_not_whole(landing):
    landing, journal = landing
    await put(landing, b"<a/>")
    ago(journal, STABLE_S + 1)
    more = landing.begin(AGENCY, Spot(CONTRACT, "list.xml"), Origin("ab" * 32, channel="ssh"), create=False)
    landing.settle(AGENCY, CONTRACT)
    assert journal.at(*PLACE).state is State.LANDING
    more.write(4, b"<b")
    landing.abandon(more)
    landing.settle(AGENCY, CONTRACT)
    assert journal.at(*PLACE).state is State.LANDING


async def test_what_never_became_whole_is_removed_after_a_week(landing):
    landing, journal = landing
    await put(landing, b"<a/>")
    landing.sweep()
    assert journal.at(*PLACE) is not None
    ago(journal, ABANDONED_S + 1)
    landing.sweep()
    assert journal.at(*PLACE) is None
    assert landing.tree.lying(*PLACE) is None
    assert landing.tree.used("cso") == (0, 0)


def test_what_was_cut_off_and_never_resumed_is_removed_after_a_week(landing):
    landing, _ = landing
    upload = landing.begin(AGENCY, Spot(CONTRACT, "list.xml"), Origin("ab" * 32, channel="ssh"), create=True)
    upload.write(0, b"<a")
    landing.abandon(upload)
    landing.sweep()
    assert landing.tree.lying(*PLACE) is not None
    long_ago = time.time() - ABANDONED_S - 1
    os.utime(landing.tree.path(*PLACE), (long_ago, long_ago))
    landing.sweep()
    assert landing.tree.lying(*PLACE) is None


RENAMED = FileRules(FilesDocument(names=["*.xml"], complete="rename"))
RENAMER = with_rules(RENAMED)
PART, WHOLE = Spot(CONTRACT, "list.part"), Spot(CONTRACT, "list.xml")


async def put_part(landing: Landing, octets: bytes = b"<a/>") -> None:
    upload = landing.begin(RENAMER, PART, Origin("ab" * 32, channel="ssh"), create=True)
    upload.write(0, octets)
    await landing.end(RENAMER, upload)


async def test_a_name_that_a_crash_gave_and_nobody_knows_of_is_given_again(landing):
    landing, journal = landing
    await put_part(landing)
    landing.tree.move("cso", CONTRACT, PART.name, to=WHOLE.name).close()  # and here it died
    await landing.rename(RENAMER, PART, WHOLE)
    assert journal.at(*PLACE).state is State.WHOLE
    assert landing.tree.used("cso") == (4, 1)


async def test_a_file_that_is_sent_again_after_such_a_crash_gets_its_name(landing):
    landing, journal = landing
    await put_part(landing)
    landing.tree.move("cso", CONTRACT, PART.name, to=WHOLE.name).close()
    await put_part(landing, b"<again/>")
    await landing.rename(RENAMER, PART, WHOLE)
    assert journal.at(*PLACE).size == len(b"<again/>")
    assert landing.tree.lying(*PLACE).size == len(b"<again/>")
    assert landing.tree.used("cso") == (8, 1)


async def test_a_file_of_which_a_power_cut_took_a_part_is_not_renamed(landing):
    landing, journal = landing
    await put_part(landing)
    os.truncate(landing.tree.path("cso", CONTRACT, PART.name), 24)  # its header
    with pytest.raises(ValueError, match="send it again"):
        await landing.rename(RENAMER, PART, WHOLE)
    landing.tree.remove("cso", CONTRACT, PART.name)
    with pytest.raises(FileNotFoundError):
        await landing.rename(RENAMER, PART, WHOLE)
    assert journal.at(*PLACE) is None


@pytest.mark.parametrize("left", [None, b"<"], ids=["nothing", "a part"])
async def test_a_final_name_that_a_power_cut_left_without_its_file_is_given_again(landing, left):
    landing, journal = landing
    await put_part(landing)
    # What the journal said was on the disk before the file was.
    journal.put(replace(journal.at("cso", CONTRACT, PART.name), name=WHOLE.name))
    if left is not None:
        with closing(landing.tree.opened("cso", CONTRACT, WHOLE.name, create=True)) as file:
            file.write(0, left)
    landing.settle(RENAMER, CONTRACT)
    assert journal.at(*PLACE).state is State.LANDING
    await put_part(landing, b"<again/>")
    await landing.rename(RENAMER, PART, WHOLE)
    assert journal.at(*PLACE).state is State.WHOLE
    assert landing.tree.lying(*PLACE).size == len(b"<again/>")


async def test_what_was_whole_when_the_gateway_was_killed_is_whole_when_it_comes_again(landing, tmp_path):
    landing, journal = landing
    await put_part(landing)
    await landing.rename(RENAMER, PART, WHOLE)
    (left,) = listing(tmp_path / "journal.db")
    assert (left.name, left.state) == (WHOLE.name, State.WHOLE)
    # As it is between the two that are written when it is renamed.
    journal.change(left, state=State.LANDING, whole_ms=0)
    told = []
    after = Landing(landing.tree, journal, lambda: told.append("landed"))
    for _ in range(2):
        after.look({RENAMER.name: RENAMER})
        assert journal.at(*PLACE).state is State.WHOLE
    assert told == ["landed"]


async def test_a_file_that_is_being_renamed_is_nobody_elses_meanwhile(landing):
    landing, _ = landing
    await put_part(landing)
    renaming = asyncio.create_task(landing.rename(RENAMER, PART, WHOLE))
    await asyncio.sleep(0)
    with pytest.raises(Rejected, match=r"file\.kept"):
        landing.begin(RENAMER, PART, Origin("ab" * 32, channel="ssh"), create=True)
    with pytest.raises(Rejected, match=r"file\.kept"):
        await landing.rename(RENAMER, PART, WHOLE)
    await renaming
    assert landing.tree.lying(*PLACE).size == 4


async def test_each_of_many_manifests_that_came_first_waits_for_its_own_file(tmp_path):
    document = {"names": ["*.csv"], "complete": "manifest", "manifest": MANIFEST}
    agency = with_rules(FileRules(FilesDocument.model_validate(document)))
    with closing(Journal(tmp_path / "journal.db")) as journal:
        landing = Landing(Tree(tmp_path, FileKeysHeld()), journal, lambda: None)
        for suffix, count in ((".manifest.json", 3), ("", 2)):
            for number in range(count):
                name = f"{number}.csv{suffix}"
                upload = landing.begin(
                    agency, Spot(CONTRACT, name), Origin("ab" * 32, channel="ssh"), create=True
                )
                await landing.end(agency, upload)
        assert [journal.at("cso", CONTRACT, f"{n}.csv").state for n in range(2)] == [State.WHOLE] * 2
        assert journal.at("cso", CONTRACT, "2.csv") is None
        assert {entry.name for entry in journal.landing("cso", CONTRACT)} == {
            f"{n}.csv.manifest.json" for n in range(3)
        }
