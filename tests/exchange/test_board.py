"""How a process says that it is well, or not."""

from __future__ import annotations

from gateway.app.board import OK, Board, Look
from gateway.errors import Unavailable


def broken() -> str:
    raise Unavailable("unavailable.store", "SQLITE_IOERR")


def test_what_cannot_be_looked_at_is_not_well_and_hides_nothing_else():
    board = Board(
        [
            Look("keys", lambda: OK, needed=True),
            Look("store", broken, needed=True),
            Look("queue", lambda: "the broker is away", needed=False),
        ]
    )
    board.look()
    assert board() == (False, {"keys": OK, "store": "unavailable.store", "queue": "the broker is away"})


def test_what_is_not_needed_may_be_ill():
    board = Board([Look("keys", lambda: OK, needed=True), Look("queue", lambda: "away", needed=False)])
    board.look()
    assert board() == (True, {"keys": OK, "queue": "away"})


def test_before_the_first_look_nobody_is_ready():
    assert Board([Look("keys", lambda: OK, needed=True)])()[0] is False
