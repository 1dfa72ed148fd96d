"""What a contract asks of a record beside its schema, as one function: rules across fields, then national IDs."""

from collections.abc import Callable, Iterable, Mapping

from contracts import nid
from contracts.documents import Rule
from contracts.errors import Refused
from contracts.program import Program
from contracts.rules import Fields, Payload, condition, write_refusal

Told = tuple[str | None, str | None]
"""The national ID of the person that a record is about, and the id of the record; None where it names none."""
Judge = Callable[[Payload, str, str | None, Mapping[str, bool], list[str]], Told]
"""Takes a canonical payload that keeps the schema, the ISO date of today in Africa/Cairo, the agency that it comes from
(None for an example, which comes from nobody), `nid.governorate_verdicts`, and the notes, which receive `review.*` and
`warning.*` codes.

Returns what the gateway has to know of an acceptable record beside itself. Raises Refused, whose field is a JSON
pointer into the canonical record.
"""


def compile_judge(
    rules: Iterable[Rule], numbers: Iterable[str], subject: str | None, about: str | None
) -> Judge:
    """Return the function that holds records to a contract.

    First come the rules that refuse, then those that only remark, then the numbers, each in the given order.

    Args:
        rules: of the contract.
        numbers: pointers of the national IDs in its records.
        subject: pointer of the national ID that a record is about, if the contract has one.
        about: pointer of the id of the record that a record is about, if the contract has one.
    """
    program = Program("payload", "today", "sender", "governorates", "notes")
    fields = Fields(program)
    sorted_rules = sorted(rules, key=lambda rule: not rule.code.startswith("record."))
    conditions = [(rule, condition(rule, program, fields)) for rule in sorted_rules]
    people = [(number, _about_the_person(fields, number)) for number in numbers]
    nothing = program.expression("None")
    told = [nothing if pointer is None else fields.at(pointer) for pointer in (subject, about)]
    for rule, broken in conditions:
        if rule.code.startswith("record."):
            write_refusal(program, rule, broken)
        else:
            program.line("if {}:", broken)
            program.line("notes.append({})", program.constant(rule.code), depth=1)
    for number, person in people:
        _write_examination(program, number, person)
    program.line("return {}, {}", *told)
    return program.function()


def _about_the_person(fields: Fields, pointer: str) -> tuple[str, str, str, str]:
    """Return the variables of a national ID, of birth date and sex that stand beside it, and of the event's day."""
    parent = pointer.rpartition("/")[0]
    return (
        fields.at(pointer), fields.at(f"{parent}/birth_date"), fields.at(f"{parent}/sex"), fields.at("/occurred_on"),
    )  # fmt: skip


def _write_examination(program: Program, pointer: str, person: tuple[str, str, str, str]) -> None:
    program.line("if {} is not None:", person[0])
    program.line("try:", depth=1)
    program.line(
        "{}({}, {}, {}, {}, governorates, notes)",
        program.constant(nid.examine), *person, depth=2,
    )  # fmt: skip
    program.line("except {} as refused:", program.constant(Refused), depth=1)
    program.line("raise refused.at({}) from None", program.constant(pointer), depth=2)
