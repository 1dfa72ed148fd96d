"""What `isnad contract new` says of the draft that it wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from contracts.folder import Files
from contracts.kit.scaffold import Draft
from contracts.kit.screen import aside, isolated, visible
from contracts.kit.words import Language

_SAID = {
    "guessed": ("{0} → {1}", "{0} ← {1}"),
    "unsure": ("{0} → {1}  (please confirm)", "{0} ← {1}  (راجعه)"),
    "words": (
        "{0} may be {1}, but its words are not known: write a lookup",
        "{0} قد يكون {1} لكن كلماته غير معروفة: اكتب lookup",
    ),
    "missing": (
        "Nothing gives {0}, which the contract requires: {1}",
        "لا شيء يعطي {0} وهو واجب في العقد: {1}",
    ),
    "unread": (
        "{0} is not read: map it, or approve it under unused",
        "{0} لا يُقرأ: اربطه أو وافق عليه تحت unused",
    ),
    "sample_real": (
        "The sample was not copied: lines {1} may hold national IDs of living people; use governorate code + 40",
        "لم تُنسخ العينة: السطور {1} قد تحوي أرقامًا قومية لأشخاص حقيقيين؛ استعمل كود المحافظة + 40",
    ),
    "sample_large": ("The sample was not copied: more than {1} bytes", "لم تُنسخ العينة: أكبر من {1} بايت"),
    "sample_refused": (
        "The sample was copied, and does not pass yet: {1}",
        "نُسخت العينة ولا تجتاز الفحص بعد: {1}",
    ),
    "sample_copied": (
        "The sample was copied, with its expected result: read that too",
        "نُسخت العينة ومعها الناتج المتوقع: راجعه أيضًا",
    ),
}


def write(root: Path, files: Files, language: Language) -> None:
    """Write the files of a new binding below `root`; one that exists is left alone.

    Raises:
        click.ClickException: when the binding exists.
    """
    folder = root.joinpath(*next(iter(files)).split("/")[:4])
    if folder.exists():
        said = {
            "en": f"{folder} exists already; nothing was written",
            "ar": isolated(f"{folder} موجود من قبل؛ لم يُكتب شيء"),
        }
        raise click.ClickException(said[language])
    for file, octets in files.items():
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(octets)


def in_words(root: Path, draft: Draft, language: Language) -> Iterator[str]:
    """Give the files that were written, and each remark."""
    arabic = language == "ar"
    for file in draft.files:
        yield f"{'كُتب' if arabic else 'wrote'}  {root / file}"
    for remark in draft.remarks:
        detail = remark.detail_ar if arabic and remark.detail_ar else remark.detail
        words = [visible(word) for word in (remark.subject, detail or "?")]
        if arabic:
            text, words = isolated(_SAID[remark.kind][1]), [aside(word) for word in words]
        else:
            text = _SAID[remark.kind][0]
        yield "  " + text.format(*words)
    folder = root.joinpath(*next(iter(draft.files)).split("/")[:4])
    yield f"{'الخطوة التالية' if arabic else 'Next'}: isnad contract check {folder}"
