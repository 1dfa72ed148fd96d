"""What a record was refused for, in Arabic: a refusal states its rule in English only."""

import re
from collections.abc import Iterator, Mapping

from contracts.binding import Binding
from contracts.contract import Contract
from contracts.errors import CODES, Refused

_TEXTS: Mapping[str, str] = {
    "must be present": "يجب أن يكون موجودًا",
    "a required attribute must be present": "خاصية واجبة يجب أن تكون موجودة",
    "a required element inside it must be present": "عنصر واجب بداخله يجب أن يكون موجودًا",
    "only the fields of the schema": "حقول المخطط وحدها",
    "only the attributes of the schema": "خصائص المخطط وحدها",
    "only the elements of the schema, in its order": "عناصر المخطط وحدها، وبترتيبه",
    "no text between the elements": "بلا نص بين العناصر",
    "must match the pattern of the schema": "يجب أن يطابق نمط المخطط",
    "must match the patterns of the schema": "يجب أن يطابق أنماط المخطط",
    "must be one of the words of the schema": "يجب أن يكون من كلمات المخطط",
    "must have the type of the schema": "يجب أن يكون بنوع المخطط",
    "not shorter than the schema says": "ليس أقصر من حد المخطط",
    "not longer than the schema says": "ليس أطول من حد المخطط",
    "as long as the schema says": "بالطول الذي في المخطط",
    "not less than the schema says": "لا يقل عن حد المخطط",
    "not more than the schema says": "لا يزيد على حد المخطط",
    "must be of type {}": "يجب أن يكون نوعه {}",
    "must match {}": "يجب أن يطابق {}",
    "must be one of {}": "يجب أن يكون واحدًا من: {}",
    "must be a real {}": "يجب أن تكون قيمة حقيقية من نوع {}",
    "must be {} or {}": "يجب أن يكون {} أو {}",
    "must be {}": "يجب أن يكون {}",
    "at least {} characters": "{} حرفًا على الأقل",
    "at most {} characters": "{} حرفًا على الأكثر",
    "at least {} items": "{} عنصرًا على الأقل",
    "at most {} items": "{} عنصرًا على الأكثر",
    "at most {} bytes": "{} بايت على الأكثر",
    "at least {}": "لا يقل عن {}",
    "at most {}": "لا يزيد على {}",
    "no item twice": "بلا عنصر مكرر",
    "a whole number of at most {} digits": "عدد صحيح من {} رقمًا على الأكثر",
    "a date written as {}": "تاريخ مكتوب على صورة {}",
    "a word of the list {}": "كلمة من القائمة {}",
    "{} cells in each row": "{} خلية في كل صف",
    "{} members more than the binding names": "أعضاء زائدة على المذكور في المواصفة: {}",
}
"""By what `contracts` writes; the first that fits is taken."""


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile("(.+)".join(re.escape(part) for part in template.split("{}")))


_FORMS = [(_pattern(template), text) for template, text in _TEXTS.items()]


def in_arabic(refused: Refused, binding: Binding) -> str:
    """Return the rule that a record broke; what its code means where that says as much."""
    own = next((text for rule, text in _own(binding) if rule == refused.rule), "")
    if own:
        return own
    for form, text in _FORMS:
        if found := form.fullmatch(refused.rule):
            return text.format(*(part.replace(", ", "، ") for part in found.groups()))
    return CODES[refused.code].ar


def _own(binding: Binding) -> Iterator[tuple[str, str]]:
    """Give what the contract and the agency's schema say of their conditions, in both languages."""
    contract: Contract = binding.contract
    yield from ((rule.says, rule.says_ar) for rule in contract.rules)
    yield from _comments(contract.schema)
    yield from _comments(binding.source_schema)


def _comments(node: object) -> Iterator[tuple[str, str]]:
    if isinstance(node, list):
        for inner in node:
            yield from _comments(inner)
    if isinstance(node, dict):
        if isinstance(node.get("$comment"), str):
            yield node["$comment"], str(node.get("x-comment-ar", ""))
        for inner in node.values():
            yield from _comments(inner)
