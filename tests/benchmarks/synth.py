"""`isnad synth` as a tester or an agency runs it, from its start to its end, beside writing the same files again."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Figure

UNIT = "persons/s per core"
LIMIT = "the same files hashed and written again"
ALL_THE_TIME = ("--intensity", "10000")  # so many times as often as in life that everybody has a record
RUNS: Sequence[tuple[str, int, Sequence[str]]] = (
    ("every agency", 300_000, ()),
    ("XML snapshot, a record each", 200_000, ("--agency", "cso", "--contract", "voter-snapshot.v1")),
    (
        "CSV moves, a record each",
        200_000,
        ("--agency", "cso", "--contract", "residence-change.v1", *ALL_THE_TIME),
    ),
    (
        "NDJSON service, a record each",
        200_000,
        ("--agency", "moi", "--contract", "service-status.v1", *ALL_THE_TIME),
    ),
)


def run() -> list[Figure]:
    """Measure, in processor time of the whole process; takes a minute."""
    return [_figure(*one) for one in RUNS]


def _figure(name: str, persons: int, chosen: Sequence[str]) -> Figure:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "made")
        arguments = ["synth", "--persons", str(persons), *chosen, "--out", str(out)]
        used_s = _processor_s([sys.executable, "-m", "gateway.cli", *arguments])
        files = [path for path in out.rglob("*") if path.is_file()]
        limit_s = _rewritten_s(files)
    return Figure(f"isnad synth: {name}", persons / used_s, UNIT, LIMIT, persons / limit_s, goal=20_000)


def _processor_s(command: Sequence[str]) -> float:
    """Return the processor time of a process and all its threads, from its start to its end.

    Raises:
        CalledProcessError: it failed.
    """
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return used.ru_utime + used.ru_stime


def _rewritten_s(files: Sequence[Path]) -> float:
    used_s = 0.0
    for file in files:
        octets = file.read_bytes()
        before = time.process_time()
        hashlib.sha256(octets)
        file.write_bytes(octets)
        used_s += time.process_time() - before
    return used_s
