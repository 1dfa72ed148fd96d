"""`isnad contract`: the kit with which an agency's own people write, check and try a binding, without us."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

import click

from contracts import folder
from contracts.binding import Binding
from contracts.catalogue import compile_files
from contracts.checking import media_type_of
from contracts.errors import Invalid, Unfit
from contracts.kit.gates import examine
from contracts.kit.place import Place, binding_files, contract_files, places
from contracts.kit.reading import MAX_BYTES
from contracts.kit.scaffold import draft
from contracts.kit.screen import isolated
from contracts.kit.trial import trials
from contracts.kit.words import Language
from contracts.nid import Profile
from gateway.cli import _contract_check, _contract_new, _contract_try
from gateway.cli._arabic import of_environment

EXIT_INVALID = 1
_CHUNK_BYTES = 64 * 1024

_LANGUAGE = click.option(
    "--lang",
    "language",
    type=click.Choice(["ar", "en"]),
    default=of_environment,
    help="Language of the answers; that of the environment otherwise.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")


def _agency_name(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    if not re.fullmatch("[a-z][a-z0-9-]{1,30}", name):
        raise click.BadParameter("2 to 31 small letters, digits and hyphens")
    return name


@click.group("contract")
def contract() -> None:
    """Write, check and try the contracts of an agency; nothing is sent anywhere."""


@contract.command("check")
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(exists=True, path_type=Path))
@_LANGUAGE
@_JSON
def check(paths: tuple[Path, ...], language: Language, as_json: bool) -> None:  # noqa: FBT001  a flag
    """Check contracts, bindings, examples and samples at each PATH (default: all that are shipped).

    PATH is a catalogue, or a folder or file in one; an agency's own `agencies/` folder needs nothing beside it.
    Exit status 1 when something is wrong, with file, line, field, rule and what to write instead.
    """
    found = [(place, examine(place)) for place in _places(paths, language)]
    if as_json:
        click.echo(_contract_check.in_json(found))
    else:
        for line in _contract_check.in_words(found, language):
            click.echo(line)
    sys.exit(0 if _contract_check.valid(found) else EXIT_INVALID)


@contract.command("try")
@click.argument("file", type=click.File("rb"))
@click.option("--agency", required=True, help="Short name of the agency, such as moh.")
@click.option("--contract", "name", required=True, help="Name of the contract, such as death.v1.")
@click.option("--at", "root", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder that holds agencies/; the shipped catalogue otherwise.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), help="Stop after so many records.")
@click.option(
    "--day", type=click.DateTime(["%Y-%m-%d"]), help="What counts as today; today in Cairo otherwise."
)
@click.option("--profile", type=click.Choice(["synthetic", "production"]), default="synthetic",
              show_default=True, help="Whether national IDs are of the reserved range or real ones.")  # fmt: skip
@click.option("--show", is_flag=True, help="Show national IDs in clear.")
@click.option("--canonical", is_flag=True, help="Print the canonical records only; needs --show.")
@_LANGUAGE
@_JSON
def try_(  # noqa: PLR0917  click's options
    file: BinaryIO,
    agency: str,
    name: str,
    root: Path | None,
    limit: int | None,
    day: datetime | None,
    profile: Profile,
    show: bool,  # noqa: FBT001  a flag
    canonical: bool,  # noqa: FBT001  a flag
    language: Language,
    as_json: bool,  # noqa: FBT001  a flag
) -> None:
    """Show what would become of each record in FILE, before and after, accepted or why not.

    Nothing is sent and nothing is kept. Exit status 1 when a record is refused.
    """
    if canonical and not show:
        raise click.UsageError(
            _said(
                language,
                "canonical records hold national IDs in clear: add --show",
                "السجلات القياسية تحوي أرقامًا قومية مكشوفة: أضف --show",
            )
        )
    binding = _binding(agency, name, root, profile, language)
    tally = _contract_try.Tally()
    today = day.date() if day else _today()
    media_type = media_type_of(binding, file.name)
    for trial in trials(binding, _chunks(file), media_type, today, show=show):
        tally.count(trial)
        if canonical:
            click.echo(trial.line, nl=False)
        else:
            click.echo(
                _contract_try.in_json(trial, binding)
                if as_json
                else _contract_try.in_words(trial, binding, language)
            )
        if tally.accepted + tally.refused == limit:
            break
    if not canonical and not as_json:
        click.echo(tally.told(language))
    sys.exit(EXIT_INVALID if tally.refused else 0)


@contract.command("new")
@click.argument("sample", metavar="SAMPLE-FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--agency", required=True, callback=_agency_name, help="Short name of the agency, such as moh.")
@click.option("--contract", "name", required=True, help="Name of the contract, such as death.v1.")
@click.option(
    "--at",
    "root",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    show_default=True,
    help="Folder in which agencies/ is, or will be.",
)
@_LANGUAGE
def new(sample: Path, agency: str, name: str, root: Path, language: Language) -> None:
    """Draft a binding from SAMPLE-FILE (CSV, JSON, NDJSON or XML), and say what could not be guessed."""
    try:
        lent = contract_files(name)
    except KeyError as known:
        raise click.UsageError(
            _said(
                language,
                f"there is no contract {name}; there are: {known.args[0]}",
                f"لا يوجد عقد باسم {name}، والموجود: {known.args[0].replace(', ', '، ')}",
            )
        ) from None
    catalogue = compile_files(lent)
    with sample.open("rb") as file:
        octets = file.read(MAX_BYTES + 1)
    try:
        made = draft(octets, agency, catalogue, catalogue.contract(name), lent)
    except Unfit as problem:
        said = _said(language, f"{sample.name} {problem}", f"{sample.name}: {problem.ar}")
        raise click.ClickException(said) from None
    _contract_new.write(root, made.files, language)
    for line in _contract_new.in_words(root, made, language):
        click.echo(line)


def _places(paths: Iterable[Path], language: Language) -> list[Place]:
    try:
        return places(paths)
    except Unfit as problem:
        raise click.UsageError(_said(language, str(problem), problem.ar)) from None
    except Invalid as invalid:
        # Links and files beyond the limits: nothing can be read, so that is all there is to say.
        arabic = "\n".join(f"{problem.file}: {problem.message_ar}" for problem in invalid.problems)
        raise click.ClickException(_said(language, str(invalid), arabic)) from None


def _said(language: Language, english: str, arabic: str) -> str:
    return isolated(arabic) if language == "ar" else english


def _binding(agency: str, name: str, root: Path | None, profile: Profile, language: Language) -> Binding:
    try:
        catalogue = compile_files(binding_files(root or folder.SHIPPED, agency, name), profile)
        return catalogue.binding(agency, name)
    except KeyError:
        said = _said(
            language, f"{agency} has no binding of {name}", f"ليس للجهة {agency} مواصفة للعقد {name}"
        )
        raise click.UsageError(said) from None
    except Invalid as invalid:
        said = _said(
            language,
            f"{invalid}\nRun isnad contract check first.",
            f"المواصفة غير سليمة، وعدد مشكلاتها {len(invalid.problems)}؛ شغّل أولًا الأمر «isnad contract check»",
        )
        raise click.ClickException(said) from None


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(_CHUNK_BYTES), b"")


def _today() -> date:
    """Return the legal day: that of Cairo."""
    return datetime.now(UTC).astimezone(ZoneInfo("Africa/Cairo")).date()
