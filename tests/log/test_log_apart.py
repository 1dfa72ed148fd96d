"""The log's writer in a process of its own: what cannot be opened is said at the start, and an end is an end."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from crypto.hpke import Suite
from crypto.openbao import Login
from gateway.demo.pki import Authority
from gateway.errors import Unavailable
from gateway.log.apart import LogApart, Setup
from gateway.records import Event


def setup(path: Path) -> Setup:
    """A log that nothing is appended to, so that nobody asks whether there is a key server."""
    ca = Authority("nobody").pem
    return Setup(path, "gate.example", 1 << 30, "https://127.0.0.1:1", ca, 1.0, Suite.HYBRID)


def login() -> Login:
    return Login("", 0.0)


async def test_the_store_is_there_once_it_has_started(tmp_path):
    with closing(LogApart(setup(tmp_path / "store.db"), login)) as log:
        await log.start()
        assert sqlite3.connect(tmp_path / "store.db").execute("SELECT number FROM round").fetchone() == (0,)


async def test_a_store_that_cannot_be_used_is_said_at_the_start(tmp_path):
    (tmp_path / "store.db").write_bytes(b"no database at all" * 100)
    log = LogApart(setup(tmp_path / "store.db"), login)
    with closing(log), pytest.raises(Unavailable, match=r"unavailable\.store"):
        await log.start()


async def test_an_event_that_cannot_be_signed_is_not_noted_and_its_fate_is_told(tmp_path):
    with closing(LogApart(setup(tmp_path / "store.db"), login)) as log:
        await log.start()
        with pytest.raises(Unavailable, match=r"unavailable\.keys"):
            await log.note([Event("moh", "key.introduced", (("name", "none"),))])
