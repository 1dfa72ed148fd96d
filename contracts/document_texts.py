"""What a document of a catalogue is refused for, in Arabic: pydantic says it in English only."""

from collections.abc import Mapping

from pydantic_core import ErrorDetails

from contracts.errors import Unfit

_TEXTS: Mapping[str, str] = {
    "missing": "مفتاح لازم غير موجود",
    "extra_forbidden": "مفتاح غير معروف",
    "string_type": "يجب أن يكون نصًا",
    "string_pattern_mismatch": "يجب أن يطابق النص النمط {pattern}",
    "string_too_short": "أقصر من الحد؛ أقل طول {min_length}",
    "string_too_long": "أطول من الحد؛ أقصى طول {max_length}",
    "too_short": "عناصره أقل من الحد؛ أقل عدد {min_length}",
    "too_long": "عناصره أكثر من الحد؛ أقصى عدد {max_length}",
    "literal_error": "يجب أن يكون واحدًا من: {expected}",
    "int_type": "يجب أن يكون عددًا صحيحًا",
    "int_parsing": "يجب أن يكون عددًا صحيحًا",
    "int_from_float": "يجب أن يكون عددًا صحيحًا",
    "greater_than_equal": "يجب ألا يقل عن {ge}",
    "less_than_equal": "يجب ألا يزيد على {le}",
    "bool_type": "يجب أن يكون true أو false",
    "bool_parsing": "يجب أن يكون true أو false",
    "list_type": "يجب أن يكون قائمة",
    "tuple_type": "يجب أن يكون قائمة",
    "dict_type": "يجب أن يكون كائنًا",
    "model_type": "يجب أن يكون كائنًا",
    "model_attributes_type": "يجب أن يكون كائنًا",
}
_OTHERWISE = "قيمة لا تصلح لهذا المفتاح"


def in_arabic(error: ErrorDetails) -> str:
    """Return what one error of pydantic means."""
    context = error.get("ctx", {})
    told = context.get("error")
    if isinstance(told, Unfit):
        return told.ar
    text = _TEXTS.get(error["type"])
    if text is None:
        return _OTHERWISE
    return text.format_map({name: str(value).replace(" or ", " أو ") for name, value in context.items()})
