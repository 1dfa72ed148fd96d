"""What `isnad contract try` shows of each record, to people and to programs."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from contracts.binding import Binding
from contracts.errors import CODES
from contracts.kit.rule_texts import in_arabic
from contracts.kit.screen import isolated, visible
from contracts.kit.trial import Pair, Trial
from contracts.kit.words import Language


@dataclass(slots=True)
class Tally:
    """How many records there were of each kind."""

    accepted: int = 0
    reviewed: int = 0
    refused: int = 0

    def count(self, trial: Trial) -> None:
        """Add one record."""
        self.refused += trial.refusal is not None
        self.reviewed += any(remark.startswith("review.") for remark in trial.remarks)
        self.accepted += trial.refusal is None

    def told(self, language: Language) -> str:
        """Return the counts as one line."""
        total = self.accepted + self.refused
        if language == "ar":
            return (
                f"السجلات: {total}، مقبولة: {self.accepted}، منها للمراجعة: {self.reviewed}، "
                f"مرفوضة: {self.refused}. لم يُرسل شيء."
            )
        return (
            f"{total} records: {self.accepted} accepted, {self.reviewed} of them for an officer's review, "
            f"{self.refused} refused. Nothing was sent."
        )


def in_json(trial: Trial, binding: Binding) -> str:
    """Return one record as one line of JSON."""
    value: dict[str, object] = {
        "position": trial.position,
        "accepted": trial.refusal is None,
        "values": [
            {"place": pair.place, "before": pair.before, "target": pair.target, "after": pair.after}
            for pair in trial.pairs
        ],
        "remarks": trial.remarks,
    }
    if trial.refusal is not None:
        refusal = trial.refusal
        value["refusal"] = {
            "code": refusal.code,
            "field": refusal.field,
            "rule": refusal.rule,
            "rule_ar": in_arabic(refusal, binding),
        }
    return orjson.dumps(value).decode()


def in_words(trial: Trial, binding: Binding, language: Language) -> str:
    """Return one record as lines for a screen."""
    arabic = language == "ar"
    if trial.refusal is None:
        head = f"{trial.position}  ✓ {'مقبول' if arabic else 'accepted'}"
        lines = [_mapped(pair, arabic=arabic) for pair in trial.pairs]
        lines += [f"  ! {remark}: {_meaning(remark, arabic=arabic)}" for remark in trial.remarks]
        return "\n".join([head, *lines, ""])
    refusal = trial.refusal
    field = f"  {refusal.field}" if refusal.field else ""
    head = f"{trial.position}  ✗ {'مرفوض' if arabic else 'refused'}  {refusal.code}{field}"
    lines = [visible(pair.before) for pair in trial.pairs if pair.before]
    text = CODES[refusal.code]
    if arabic:
        rule = in_arabic(refusal, binding)
        lines += [
            isolated(text.ar if rule == text.ar else f"{text.ar} ({rule})"),
            isolated(f"→ {text.remedy_ar}"),
        ]
    else:
        lines += [f"{text.en} ({refusal.rule})", f"→ {text.remedy_en}"]
    return "\n".join([head, *(f"  {line}" for line in lines), ""])


def _mapped(pair: Pair, *, arabic: bool) -> str:
    fixed = "(ثابت)" if arabic else "(fixed)"
    before = f"{pair.place}: {visible(pair.before)}" if pair.place else fixed
    return f"  {before}  →  {pair.target}: {visible(pair.after)}"


def _meaning(code: str, *, arabic: bool) -> str:
    return CODES[code].ar if arabic else CODES[code].en
