"""How answers are written: together, in their order, and all of each."""

from __future__ import annotations

import asyncio

import pytest

from gateway.https.connection import Joining, Ready

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


class Pipe(asyncio.Transport):
    """Where octets go; `sent` has all of them, of every pipe that shares it, in the order of their writing."""

    def __init__(self, name: str, sent: list[tuple[str, bytes]]) -> None:
        super().__init__()
        self.name, self.sent, self.closed = name, sent, False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.sent.append((self.name, bytes(data)))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


@pytest.fixture
def sent() -> list[tuple[str, bytes]]:
    return []


async def test_answers_of_one_turn_go_at_its_end_one_right_after_the_other(sent):
    ready = Ready(asyncio.get_running_loop())
    made = []

    async def answer(name: str) -> None:
        joining = Joining(Pipe(name, sent), ready)
        joining.write(HEAD)
        joining.write(b"body")
        made.append(name)
        assert sent == []

    await asyncio.gather(answer("a"), answer("b"), answer("c"))
    assert made == ["a", "b", "c"]
    await asyncio.sleep(0)
    assert sent == [(name, HEAD + b"body") for name in made]


async def test_what_follows_of_a_long_answer_goes_at_once_and_after_its_beginning(sent):
    joining = Joining(Pipe("a", sent), Ready(asyncio.get_running_loop()))
    joining.write(HEAD)
    joining.write(b"one")
    joining.write(b"two")
    assert sent == [("a", HEAD + b"one"), ("a", b"two")]
    await asyncio.sleep(0)
    assert len(sent) == 2


async def test_an_answer_does_not_overtake_the_one_before_it(sent):
    joining = Joining(Pipe("a", sent), Ready(asyncio.get_running_loop()))
    for body in (b"one", b"two"):
        joining.write(HEAD)
        joining.write(body)
    await asyncio.sleep(0)
    assert sent == [("a", HEAD + b"one"), ("a", HEAD + b"two")]


@pytest.mark.parametrize("parts", [[HEAD], [HEAD, b"body"]])
async def test_closing_sends_what_was_held(sent, parts):
    joining = Joining(Pipe("a", sent), Ready(asyncio.get_running_loop()))
    for part in parts:
        joining.write(part)
    joining.close()
    await asyncio.sleep(0)
    assert sent == [("a", b"".join(parts))]


async def test_a_client_is_asked_to_go_on_without_delay(sent):
    joining = Joining(Pipe("a", sent), Ready(asyncio.get_running_loop()))
    joining.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert sent == [("a", b"HTTP/1.1 100 Continue\r\n\r\n")]
