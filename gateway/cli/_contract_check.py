"""What `isnad contract check` says, to people and to programs."""

from __future__ import annotations

import os
from collections.abc import Iterable

import orjson

from contracts.errors import Problem
from contracts.kit.gates import Report
from contracts.kit.lines import line_of
from contracts.kit.place import Place
from contracts.kit.screen import isolated
from contracts.kit.words import ADVICE, Language

Found = list[tuple[Place, Report]]


def valid(found: Found) -> bool:
    """Whether everything was judged and nothing is wrong."""
    return not any(report.problems or report.elsewhere for _, report in found)


def in_json(found: Found) -> str:
    """Return what was found as one JSON document."""
    value = {
        "valid": valid(found),
        "problems": [_problem(problem, place) for place, report in found for problem in report.problems],
        "elsewhere": sum(report.elsewhere for _, report in found),
    }
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def in_words(found: Found, language: Language) -> Iterable[str]:
    """Give what was found, problem by problem, and a summary."""
    for place, report in found:
        for problem in report.problems:
            yield _told(problem, place, language)
        yield _summary(report, arabic=language == "ar")


def _problem(problem: Problem, place: Place) -> dict[str, object]:
    advice = ADVICE[problem.rule]
    return {
        "file": problem.file,
        "line": line_of(problem, place.files),
        "where": problem.where,
        "rule": problem.rule,
        "message": problem.message,
        "message_ar": problem.message_ar or advice.ar,
        "remedy": advice.remedy_en,
        "remedy_ar": advice.remedy_ar,
    }


def _told(problem: Problem, place: Place, language: Language) -> str:
    line = line_of(problem, place.files)
    file = place.root / problem.file
    shown = os.path.relpath(file) if file.exists() else problem.file
    where = f"{shown}{f':{line}' if line else ''}" + (f"  {problem.where}" if problem.where else "")
    advice = ADVICE[problem.rule]
    if language == "ar":
        said, remedy = isolated(problem.message_ar or advice.ar), isolated(advice.remedy_ar)
    else:
        said, remedy = problem.message, advice.remedy_en
    return f"{where}\n  {said} [{problem.rule}]\n  → {remedy}\n"


def _summary(report: Report, *, arabic: bool) -> str:
    count, elsewhere = len(report.problems), report.elsewhere
    if count:
        return f"عدد المشكلات: {count}" if arabic else f"{count} problem{'s' * (count > 1)}."
    if elsewhere:
        in_english = f"Not checked: {elsewhere} problem(s) elsewhere in the catalogue; check the whole of it."
        return f"تعذر الفحص: في بقية الكتالوج مشكلات عددها {elsewhere}" if arabic else in_english
    counts = (report.contracts, report.bindings, report.examples, report.samples)
    if arabic:
        return "سليم. عقود: {}، مواصفات جهات: {}، أمثلة: {}، عينات: {}".format(*counts)
    return "Valid: {} contracts, {} bindings, {} examples, {} samples.".format(*counts)
