"""National IDs, Arabic text, and the closed list of functions, value by value."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import functions, nid, text
from contracts.errors import Refused

GOVERNORATES = nid.governorate_verdicts(frozenset({"01", "21", "35", "88"}), "synthetic")
ONE = "25803144100131"
DAYS = st.dates(date(1900, 1, 1), date(2026, 6, 30))


def made(born: date, governorate: str = "41", serial: str = "0013") -> str:
    thirteen = f"{2 if born.year < 2000 else 3}{born:%y%m%d}{governorate}{serial}"
    return thirteen + nid.check_digit(thirteen)


def examined(number: str, born=None, sex=None, on="2026-07-01", governorates=GOVERNORATES) -> list[str]:
    notes: list[str] = []
    nid.examine(number, born, sex, on, governorates, notes)
    return notes


def code(call, *arguments) -> str:
    with pytest.raises(Refused) as caught:
        call(*arguments)
    return caught.value.code


# -- the national ID


@given(DAYS, st.sampled_from(["41", "61", "75", "89"]), st.integers(0, 9999))
def test_a_well_made_number_passes_with_its_own_birth_date_and_sex(born, governorate, serial):
    number = made(born, governorate, f"{serial:04}")
    notes = examined(number, born.isoformat(), "M" if serial % 2 else "F")
    assert set(notes) <= {"review.nid.age"}
    assert ("review.nid.age" in notes) == (born < date(1915, 7, 2))


def test_the_hundred_and_eleventh_birthday_goes_to_an_officer():
    assert examined(made(date(1915, 7, 1))) == ["review.nid.age"]
    assert examined(made(date(1915, 7, 2))) == []


@given(DAYS, DAYS)
def test_another_birth_date_goes_to_an_officer(born, declared):
    assert ("review.nid.birth_date" in examined(made(born), declared.isoformat())) == (born != declared)


def test_another_sex_goes_to_an_officer():
    assert examined(ONE, sex="M") == []
    assert examined(ONE, sex="F") == ["review.nid.sex"]


@given(st.text("0123456789", min_size=13, max_size=13))
def test_the_check_digit_is_the_usual_formula(digits):
    weights = (2, 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
    weighted = sum(weight * int(digit) for weight, digit in zip(weights, digits, strict=True))
    assert nid.check_digit(digits) == str((11 - weighted % 11) % 10)


def test_a_wrong_check_digit_is_a_remark_and_nothing_more():
    assert examined(ONE[:13] + "2") == ["warning.nid.check_digit"]


def test_nobody_is_born_after_the_event_or_on_a_day_that_is_not():
    assert code(examined, made(date(2026, 7, 2))) == "record.nid.date"
    assert code(examined, "25813144100131") == "record.nid.date"
    assert code(examined, "29502294100131") == "record.nid.date"
    assert code(examined, "2" * 14) == code(examined, "3" * 14) == "record.nid.date"
    assert code(lambda: examined(ONE, on="1958-03-13")) == "record.nid.date"
    assert examined(ONE, on="1958-03-14") == []


def test_each_environment_refuses_the_other_ones_numbers():
    production = nid.governorate_verdicts(frozenset({"01", "88"}), "production")
    assert code(examined, "20001010100009") == "record.nid.profile"
    assert code(examined, "20001018800009") == "record.nid.profile"
    assert (
        code(lambda: examined(made(date(1990, 1, 1), "41"), governorates=production)) == "record.nid.profile"
    )
    assert (
        code(lambda: examined(made(date(1990, 1, 1), "89"), governorates=production)) == "record.nid.profile"
    )
    assert "record.nid.profile" not in examined("20001010100009", governorates=production)


def test_an_unknown_governorate_goes_to_an_officer():
    assert examined(made(date(1990, 1, 1), "77")) == ["review.nid.governorate"]


@pytest.mark.parametrize(
    "written",
    [
        ONE,
        "٢٥٨٠٣١٤٤١٠٠١٣١",
        "۲۵۸۰۳۱۴۴۱۰۰۱۳۱",
        "2 58-0314 4100131",
        "\u200f25803144100131\u200e",
        "\ufeff25803144100131\u00a0",
    ],
)
def test_a_number_is_recognised_however_it_was_typed(written):
    assert nid.normalise(written) == ONE


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2580314٤١٠٠١٣١", "record.digits.mixed"),
        ("٢٥٨٠٣١٤۴۱۰۰۱۳۱", "record.digits.mixed"),
        ("2.58031E+13", "record.nid.scientific"),
        ("2,58E13", "record.nid.scientific"),
        ("2580314410013", "record.nid.format"),
        ("258031441001311", "record.nid.format"),
        ("15803144100131", "record.nid.format"),
        ("25803144100131\n", "record.nid.format"),
        ("2580314410013²", "record.nid.format"),
        ("२५८०३१४४१००१३१", "record.nid.format"),
        ("", "record.nid.format"),
    ],
)
def test_what_is_not_a_national_id_is_refused_by_name(written, expected):
    assert code(nid.normalise, written) == expected


@given(st.text(max_size=20))
def test_normalising_gives_fourteen_ascii_digits_or_refuses(written):
    try:
        number = nid.normalise(written)
    except Refused:
        number = ONE
    assert len(number) == 14
    assert number.isascii()
    assert number.isdigit()


def test_a_number_inside_a_reference_is_found():
    assert nid.occurs_in("MOH-25803144100131/1")
    assert nid.occurs_in("9925803144100131")
    assert not nid.occurs_in("MOH-20260600012345")
    assert not nid.occurs_in("2580314410013")


# -- text


def cleaned(written: str) -> tuple[str, list[str]]:
    notes: list[str] = []
    return text.clean(written, notes), notes


def named(written: str) -> tuple[str, list[str]]:
    notes: list[str] = []
    return text.arabic_name(written, notes), notes


@pytest.mark.parametrize("control", [*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))])
def test_a_change_of_direction_is_refused_in_every_text(control):
    assert code(cleaned, f"محمد{control}") == code(named, f"محمد {control}حسن") == "record.text.bidi"


@pytest.mark.parametrize("control", ["\x00", "\n", "\r", "\t", "\x7f", "\x85", "\u2028", "\u2029"])
def test_control_characters_are_refused(control):
    assert code(cleaned, f"a{control}b") == "record.text.control"


@pytest.mark.parametrize(
    "mark", ["\u200f", "\u200e", "\u061c", "\u200d", "\u200c", "\ufeff", "\u00ad", "\u2060"]
)
def test_harmless_marks_are_taken_out_and_that_is_said(mark):
    assert cleaned(f"شارع{mark} النيل") == ("شارع النيل", ["warning.text.sanitised"])


@given(st.text(max_size=40))
def test_clean_text_is_composed_and_without_anything_invisible(written):
    try:
        result, _ = cleaned(written)
    except Refused:
        result = ""
    assert result == result.strip()
    assert not any(
        "\u200b" <= sign <= "\u200f" or "\u2028" <= sign <= "\u206f" or sign < " " for sign in result
    )
    assert cleaned(result) == (result, [])


@pytest.mark.parametrize(
    ("written", "shown", "notes"),
    [
        ("محمد أحمد", "محمد أحمد", []),
        ("  محمد   أحمد ", "محمد أحمد", []),
        ("مُحَمَّد", "محمد", ["warning.text.sanitised"]),
        ("محمـــد", "محمد", ["warning.text.sanitised"]),
        ("ﻻشين", "لاشين", []),
        ("ا\u0654حمد", "أحمد", []),
        ("علی", "علی", ["review.text.alphabet"]),
        ("کريم", "کريم", ["review.text.alphabet"]),
        ("محمد2", "محمد2", ["review.text.alphabet"]),
        ("Mohamed", "Mohamed", ["review.text.alphabet"]),
        ("مح\u0430مد", "مح\u0430مد", ["review.text.alphabet"]),
        ("\u0640", "", ["warning.text.sanitised"]),
    ],
)
def test_a_name_is_shown_as_a_register_writes_it(written, shown, notes):
    assert named(written) == (shown, notes)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("محمد", ["محمد"]),
        ("محمد أحمد علي", ["محمد", "أحمد", "علي"]),
        ("عبد الرحمن أبو بكر سيف الدين", ["عبد الرحمن", "أبو بكر", "سيف الدين"]),
        ("عبد الله محمد عبد", ["عبد الله", "محمد", "عبد"]),
        ("نور الإسلام آل سعيد", ["نور الإسلام", "آل سعيد"]),
        ("الله", ["الله"]),
    ],
)
def test_compound_names_stay_one_part(name, parts):
    assert text.split_name(name) == {"full": name, "parts": parts}


@given(st.lists(st.sampled_from(["عبد", "محمد", "الله", "أبو", "الدين", "علي"]), min_size=1, max_size=8))
def test_parts_joined_are_the_name(words):
    name = " ".join(words)
    assert " ".join(text.split_name(name)["parts"]) == name


# -- functions


def ran(call: str, value: object) -> object:
    return functions.named(call)(value, [])


@given(DAYS)
def test_a_date_is_read_in_its_form_and_no_other(day):
    assert ran("date:%d/%m/%Y", f"{day:%d/%m}/{day.year}") == day.isoformat()
    assert ran("date", day.isoformat()) == day.isoformat()
    assert code(ran, "date:%d/%m/%Y", day.isoformat()) == "record.date.format"


@pytest.mark.parametrize(
    "written", ["1/2/2026", "01/02/26", "01/02/2026 ", "01/02/2026\n", "01-02-2026", "x"]
)
def test_almost_a_date_is_not_a_date(written):
    assert code(ran, "date:%d/%m/%Y", written) == "record.date.format"


def test_days_that_do_not_exist_are_told_from_days_written_wrongly():
    assert code(ran, "date:%d/%m/%Y", "29/02/2025") == "record.date.calendar"
    assert ran("date:%d/%m/%Y", "٢٩/٠٢/٢٠٢٤") == "2024-02-29"


def test_instants_are_utc():
    assert ran("datetime_utc", "2026-06-04T09:30:00Z") == "2026-06-04T09:30:00Z"
    assert ran("datetime_utc:%d/%m/%Y %H:%M", "04/06/2026 09:30") == "2026-06-04T09:30:00Z"
    assert code(ran, "datetime_utc", "2026-06-04T09:30:00+02:00") == "record.date.format"


@pytest.mark.parametrize(
    ("call", "value", "expected"),
    [
        ("trim", " a ", "a"),
        ("upper", "sa", "SA"),
        ("digits_ascii", "٠١٢", "012"),
        ("int", "٤٢", 42),
        ("int", " -7 ", -7),
        ("int", 7, 7),
        ("bool_map:نعم/لا", "نعم", True),
        ("bool_map:نعم/لا", "لا", False),
        ("concat: ", ["محمد", None, "علي"], "محمد علي"),
        ("first_non_empty", [None, " ", "b"], "b"),
    ],
)
def test_each_function_does_what_its_page_says(call, value, expected):
    assert ran(call, value) == expected


@pytest.mark.parametrize(
    ("call", "value", "expected"),
    [
        ("int", "4.2", "record.number.format"),
        ("int", "9" * 16, "record.number.format"),
        ("int", True, "record.schema.type"),
        ("bool_map:Y/N", "y", "record.code.unknown"),
        ("nid", 25803144100131, "record.schema.type"),
        ("trim", None, "record.schema.type"),
        ("date", 20260101, "record.schema.type"),
        ("arabic_name", ["محمد"], "record.schema.type"),
    ],
)
def test_functions_refuse_what_they_cannot_read(call, value, expected):
    assert code(ran, call, value) == expected


def test_a_made_reference_depends_on_every_part_and_on_where_it_ends():
    references = {ran("hash_ref", value) for value in (["a", "bc"], ["ab", "c"], ["abc"], ["a", "bc", ""])}
    assert len(references) == 4
    assert all(len(reference) == 42 for reference in references)


@pytest.mark.parametrize(
    "call",
    [
        "eval",
        "nid:1",
        "trim:",
        "date:%d/%m",
        "date:%d/%m/%Y%x",
        "bool_map:a",
        "bool_map:a/a",
        "__import__",
        "",
    ],
)
def test_there_are_no_other_functions(call):
    with pytest.raises(ValueError, match=r"."):
        functions.named(call)
