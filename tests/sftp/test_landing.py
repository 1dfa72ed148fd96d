"""When a file is whole, where nothing but its size says so; and what never became whole."""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import replace

import pytest
from place import FileKeysHeld

from adapters.sftp.journal import Journal, State
from adapters.sftp.landing import ABANDONED_S, STABLE_S, Landing
from adapters.sftp.names import Spot
from adapters.sftp.tree import Tree
from contracts.binding_documents import FilesDocument
from contracts.manifests import FileRules
from gateway.files import FileAgency, Folder
from gateway.records import Origin

CONTRACT = "death.v1"
RULES = FileRules(FilesDocument(names=["*.xml"], complete="stable"))
FOLDER = Folder(CONTRACT, ("application/xml",), "utf-8", RULES, kept_days=30, signed=False)
AGENCY = FileAgency("cso", (), (), frozenset(), 1 << 30, 100, {CONTRACT: FOLDER})
PLACE = ("cso", CONTRACT, "list.xml")


@pytest.fixture
def landing(tmp_path):
    tree = Tree(tmp_path, FileKeysHeld())
    with closing(Journal(tmp_path / "journal.db")) as journal:
        yield Landing(tree, journal, lambda: None), journal


def put(landing: Landing, octets: bytes) -> None:
    upload = landing.begin(AGENCY, Spot(CONTRACT, "list.xml"), Origin("ab" * 32, channel="ssh"), create=True)
    upload.write(upload.file.size, octets)
    landing.end(AGENCY, upload)


def ago(journal: Journal, seconds: float) -> None:
    """Let the file have been closed so many seconds ago."""
    entry = journal.at(*PLACE)
    journal.put(replace(entry, landed_ms=int((time.time() - seconds) * 1000)))


def test_a_file_that_nothing_is_added_to_for_a_while_is_whole(landing):
    landing, journal = landing
    put(landing, b"<a/>")
    assert journal.at(*PLACE).state is State.LANDING
    ago(journal, STABLE_S + 1)
    put(landing, b"<b/>")
    landing.settle(AGENCY, CONTRACT)
    assert journal.at(*PLACE).state is State.LANDING
    ago(journal, STABLE_S + 1)
    landing.settle(AGENCY, CONTRACT)
    assert journal.at(*PLACE).state is State.WHOLE


def test_a_file_that_is_open_or_was_cut_off_while_more_came_is_not_whole(landing):
    landing, journal = landing
    put(landing, b"<a/>")
    ago(journal, STABLE_S + 1)
    more = landing.begin(AGENCY, Spot(CONTRACT, "list.xml"), Origin("ab" * 32, channel="ssh"), create=False)
    landing.settle(AGENCY, CONTRACT)
    assert journal.at(*PLACE).state is State.LANDING
    more.write(4, b"<b")
    landing.abandon(more)
    landing.settle(AGENCY, CONTRACT)
    assert journal.at(*PLACE).state is State.LANDING


def test_what_never_became_whole_is_removed_after_a_week(landing):
    landing, journal = landing
    put(landing, b"<a/>")
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
