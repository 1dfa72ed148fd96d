"""`python -m tests.benchmarks OUT.json [--full] [NAME...]`: measure, show a table, and write it as JSON.

Every figure stands beside the limit that this machine had in the same run. Without names all are measured.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).parents[1]))  # where tests find `support` and each other
from benchmarks.figures import Figure, rate

NAMES = ("sealing", "one_by_one", "conforming", "synth", "opening", "intake", "soap", "files", "queue", "log")
STREAMING = ("intake", "files")
"""Benchmarks that can stream a million records."""
LIBRARIES = (
    "asyncssh",
    "cryptography",
    "msgspec",
    "orjson",
    "jsonschema-rs",
    "lxml",
    "pika",
    "starlette",
    "uvicorn",
    "uvloop",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.benchmarks")
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*", choices=[[], *NAMES], metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--full", action="store_true", help="stream a million records for the memory figure")
    asked = parser.parse_args()
    before = _speed()
    figures: list[Figure] = []
    for name in asked.names or NAMES:
        Console(stderr=True).print(f"measuring {name} ...")
        run = importlib.import_module(f"benchmarks.{name}").run
        figures += run(full=asked.full) if name in STREAMING else run()
    machine = _machine() | {"python_loop_per_s": [round(before), round(_speed())]}
    _show(figures)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    measured = [asdict(figure) | {"share": figure.share, "met": figure.met} for figure in figures]
    asked.out.write_bytes(orjson.dumps({"machine": machine, "figures": measured}, option=orjson.OPT_INDENT_2))


def _machine() -> dict[str, object]:
    described = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in described if "model name" in line), "")
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _speed() -> float:
    """Return how fast this core runs a plain loop, to tell a slow machine from a slow program."""

    def loop() -> None:
        seen: dict[int, str] = {}
        for number in range(20_000):
            seen[number & 1023] = str(number)

    return rate(loop, 20_000)


def _show(figures: list[Figure]) -> None:
    table = Table("figure", "measured", "unit", "limit", "in the same run", "share", "goal", "met")
    for one in figures:
        goal = "" if one.goal is None else f"{'≤' if one.at_most else '≥'} {one.goal:,.0f}"
        limit = (
            ("", "", "")
            if not one.limit_value
            else (one.limit, f"{one.limit_value:,.0f}", f"{one.share:.3f}")
        )
        met = {None: "", True: "yes", False: "no"}[one.met]
        table.add_row(one.name, _number(one.value), one.unit, *limit, goal, met)
    Console(width=max(180, Console().width)).print(table)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


if __name__ == "__main__":
    main()
