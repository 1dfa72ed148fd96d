"""`isnad check`: everything that can be known to be wrong before a process starts, offline."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import click
import orjson
from cryptography import x509

import contracts
from contracts.errors import Invalid, Problem
from gateway.codes import CODES
from gateway.configuration import CRL_MAX_BYTES, read
from gateway.registry.outlook import remarks
from gateway.registry.snapshot import Snapshot, Sources
from gateway.settings import FILE, RabbitMQ, Settings

EXIT_INVALID = 1


@dataclass(slots=True)
class Report:
    """What was found: `problems` must be repaired, `remarks` will be problems one day."""

    counts: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    remarks: list[Problem] = field(default_factory=list)
    digest: str = ""


@click.command("check")
@click.option(
    "--config",
    envvar="ISNAD_CONFIG",
    default="config",
    show_default=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The configuration folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def check(config: Path, as_json: bool) -> None:  # noqa: FBT001  a flag
    """Check settings, agencies, agreements, calendar, contracts and every sample; nothing is contacted.

    Exit status 1 when something is wrong, with where and why.
    """
    report = examine(config, datetime.now(UTC))
    click.echo(_json(report) if as_json else _words(config, report))
    sys.exit(EXIT_INVALID if report.problems else 0)


def examine(config: Path, now: datetime) -> Report:
    """Return everything that is wrong with a configuration folder and with the contracts it names."""
    report = Report()
    try:
        settings = Settings.load(config)
    except Invalid as error:
        # Without the profile nothing else can be judged.
        report.problems += error.problems
        return report
    report.problems += _files(settings)
    try:
        snapshot = Sources(config, _contracts(settings), settings.profile).load()
    except Invalid as error:
        report.problems += error.problems
        return report
    found = contracts.check(snapshot.catalogue)
    report.problems += [replace(problem, file=f"contracts/{problem.file}") for problem in found]
    report.remarks += remarks(snapshot.registry, now)
    report.counts = _counts(snapshot)
    report.digest = snapshot.registry.digest
    return report


def _contracts(settings: Settings) -> Path | None:
    return Path(settings.contracts) if settings.contracts else None


def _files(settings: Settings) -> list[Problem]:
    """Return what is wrong with the authorities that the settings name."""
    named = {"keys.ca_file": settings.keys.ca_file}
    if isinstance(settings.queue, RabbitMQ):
        named["queue.ca_file"] = settings.queue.ca_file
    problems = []
    for where, path in named.items():
        try:
            x509.load_pem_x509_certificates(read(Path(path).parent, Path(path).name, CRL_MAX_BYTES))
        except Invalid as error:
            problems += [replace(problem, file=FILE, where=where) for problem in error.problems]
        except ValueError:
            problems.append(Problem(FILE, where, "settings.certificates", "must hold certificates, PEM"))
    return problems


def _counts(snapshot: Snapshot) -> dict[str, int]:
    return {
        "agencies": len(snapshot.registry.agencies),
        "agreements": len(snapshot.registry.agreements),
        "elections": len(snapshot.calendar.elections),
        "contracts": len(snapshot.catalogue.contracts),
        "bindings": len(snapshot.catalogue.bindings),
        "samples": sum(len(binding.samples) for binding in snapshot.catalogue.bindings.values()),
        "error codes": len(CODES),
    }


def _json(report: Report) -> str:
    return orjson.dumps({"valid": not report.problems, **asdict(report)}, option=orjson.OPT_INDENT_2).decode()


def _words(config: Path, report: Report) -> str:
    lines = [str(problem) for problem in report.problems]
    lines += [f"remark: {remark}" for remark in report.remarks]
    if report.problems:
        count = len(report.problems)
        lines.append(f"{count} problem{'s' * (count > 1)} in {config}.")
    else:
        lines.append(", ".join(f"{count} {name}" for name, count in report.counts.items()))
        lines.append(f"{config} is valid. Registry {report.digest}")
    return "\n".join(lines)
