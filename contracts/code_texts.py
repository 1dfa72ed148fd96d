"""The words for every code a record can get, in English and Arabic: what `code_texts.yaml` holds."""

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True, slots=True)
class CodeText:
    """What a code means and what its reader should do, in both languages."""

    en: str
    ar: str
    remedy_en: str
    remedy_ar: str


def _read() -> dict[str, CodeText]:
    octets = Path(__file__).with_suffix(".yaml").read_bytes()
    texts = yaml.load(octets, Loader=yaml.CSafeLoader)
    return {code: CodeText(**text) for code, text in texts.items()}


CODES: dict[str, CodeText] = _read()
