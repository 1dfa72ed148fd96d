"""Transfers that break at random places, by a reset or with their client: in the end each row is there once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from place import CSV, XML, Person, Place, rows, shipped
from support.cutting import cutting

ROWS = 8_000
CUTS = 6
DEADLINE_S = 180.0


def cuts(most: int, seed: str) -> list[int]:
    """Return after how many octets each of the first connections breaks: in the handshake, and then anywhere."""
    chance = random.Random(seed)  # noqa: S311  places, not secrets
    return [chance.randrange(200, 3_000), *(chance.randrange(1_000, most) for _ in range(CUTS - 1))]


def persist(
    cso: Person, port: int, commands: Callable[[], list[str]], client: list[subprocess.Popen[str]]
) -> None:
    """Call again and again, as an agency's script does, until everything was done in one go."""
    there, deadline = replace(cso, port=port), time.monotonic() + DEADLINE_S
    while True:
        assert time.monotonic() < deadline
        calling = subprocess.Popen(
            ["sftp", *there.options_of_ssh(), "-P", str(port), "-b", "-", "cso@127.0.0.1"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
            cwd=cso.folder, start_new_session=True,
        )  # fmt: skip
        client[:] = [calling]
        calling.communicate("\n".join(commands()) + "\n", timeout=120)
        if calling.returncode == 0:
            return
        time.sleep(0.05)  # until the gateway has seen that nobody is there any more


def killed(client: list[subprocess.Popen[str]]) -> None:
    os.killpg(client[0].pid, signal.SIGKILL)


@pytest.mark.parametrize("how", ["reset", "killed"])
@pytest.mark.parametrize("again", ["resumed", "sent again"])
def test_a_file_that_breaks_off_again_and_again_has_each_row_once(
    place: Place, cso: Person, how: str, again: str
):
    number = ["reset", "killed"].index(how) * 2 + ["resumed", "sent again"].index(again)
    name, octets = f"broken-{number}.csv", rows(ROWS, first=500_000 + number * ROWS)
    cso.write(name, octets)
    cso.manifest(name, octets, ROWS)
    client: list[subprocess.Popen[str]] = []

    def commands() -> list[str]:
        there = (place.files / "cso" / "in" / CSV / name).exists()
        put = "put -a" if there and again == "resumed" else "put"
        return [f"{put} {name} /in/{CSV}/"]

    broken = None if how == "reset" else lambda: killed(client)
    # What is resumed has less before it every time.
    most = len(octets) // CUTS if again == "resumed" else len(octets)
    with cutting(place.port, cuts(most, name), broken) as wire:
        persist(cso, wire.port, commands, client)
        assert wire.taken == CUTS
    assert place.entry(name).state == "landing"
    assert cso.sftp(f"put {name}.manifest.json /in/{CSV}/").returncode == 0
    entry = place.answered(name)
    assert (entry.accepted, entry.position) == (ROWS, ROWS)
    results = cso.results(name)
    assert [int(line["row"]) for line in results] == list(range(1, ROWS + 1))
    assert {line["outcome"] for line in results} == {"accepted"}
    promised = Counter(
        one["id"] for one in place.lane("cso") if one.get("submission") == entry.id and "id" in one
    )
    assert promised == Counter(line["record"] for line in results)


def test_files_whose_renaming_breaks_off_are_taken_once(place: Place, cso: Person):
    names = [f"renamed-{number}.xml" for number in range(40)]
    for number, name in enumerate(names):
        cso.write(name, shipped("cso", "death", "one.xml").replace(b"CSO-", b"R%02d-" % number))
    left = list(names)
    client: list[subprocess.Popen[str]] = []

    def commands() -> list[str]:
        # What has its final name was taken, whether we were told so or not.
        left[:] = [name for name in left if not (place.files / "cso" / "in" / XML / name).exists()]
        return [
            line
            for name in left
            for line in (
                f"put {name} /in/{XML}/{name}.part",
                f"rename /in/{XML}/{name}.part /in/{XML}/{name}",
            )
        ]

    chance = random.Random("renamed")  # noqa: S311  places, not secrets
    with cutting(place.port, [chance.randrange(3_000, 9_000) for _ in range(CUTS)]) as wire:
        persist(cso, wire.port, commands, client)
        assert wire.taken == CUTS
    entries = [place.answered(name) for name in names]
    assert [(entry.state, entry.accepted) for entry in entries] == [("answered", 1)] * len(names)
