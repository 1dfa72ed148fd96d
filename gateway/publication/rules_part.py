"""What must hold between the fields of a contract."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from contracts.contract import Contract
from contracts.documents import RULE_KINDS, Rule
from gateway.codes import CODES
from gateway.publication.conditions import Condition, conditions
from gateway.publication.elements import error_link, prose
from gateway.publication.html import Html, between, code, joined, tag, value
from gateway.publication.voice import Voice, rows


def rules_part(voice: Voice, contract: Contract) -> Iterator[Html]:
    """Give the rules across fields, and when a field is required."""
    head = (
        ("Fields", "الحقول"),
        ("It must hold", "ما يجب أن يتحقق"),
        ("Otherwise", "وإلا"),
        ("What that is", "ومعناه"),
    )
    yield rows(voice, head, [_rule(voice, rule) for rule in contract.rules])
    found = conditions(contract)
    if found:
        yield tag("h3", voice("When a field is required, and when absent", "متى يجب الحقل ومتى لا يُذكر"))
        groups = groupby(found, key=lambda one: one.comment or one)
        yield tag("ul", *(_condition(voice, list(group)) for _, group in groups))


def _rule(voice: Voice, rule: Rule) -> Sequence[str]:
    meaning = CODES[rule.code]
    told = voice(rule.says, rule.says_ar)
    if rule.when is not None:
        field, asked = _dotted(rule.when[0]), value(rule.when[1])
        told = joined(
            prose(voice(f"If `{field}` is `{asked}`: ", f"إذا كان `{field}` قيمته `{asked}`: ")), told
        )
    fields = between(" ", [code(_dotted(pointer)) for pointer in _pointers(rule)])
    return fields, told, error_link(rule.code), voice(meaning.en, meaning.ar)


def _pointers(rule: Rule) -> list[str]:
    """Return the fields that a rule is about."""
    pending: list[object] = [getattr(rule, kind) for kind in RULE_KINDS]
    found = []
    for part in pending:  # grows while it is walked
        if isinstance(part, list | tuple):
            pending += part
        elif isinstance(part, str) and part.startswith("/"):
            found.append(part)
    return list(dict.fromkeys(found))


def _dotted(pointer: str) -> str:
    return pointer[1:].replace("/", ".")


def _condition(voice: Voice, group: Sequence[Condition]) -> Html:
    """Return conditions that the contract comments on with one sentence, or one without."""
    said = [tag("div", prose(_sentence(voice, one))) for one in group if one.then]
    comment = group[0].comment
    return tag("li", voice.of(comment), tag("small", *said)) if comment else tag("li", *said)


def _sentence(voice: Voice, condition: Condition) -> str:
    when = voice(" and ", " و").join(voice.of(text) for text in condition.when)
    then = voice("; ", "؛ ").join(voice.of(text) for text in condition.then)
    return f"{voice('If', 'إذا كان')} {when}: {then}" if when else then
