"""A recipient's register as its contracts ask for it, from nothing but the events that were delivered to it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
Key = tuple[str, str, str]


@dataclass
class Register:
    """What is known under each national ID or token; `closed` counts bars that ended, `withdrawn` voided records."""

    persons: dict[str, dict[str, Any]] = field(default_factory=dict)
    closed: int = 0
    judgments: int = 0
    """How many of these bars were named by their judgment."""
    corrected: int = 0
    withdrawn: int = 0


def key(event: Event, ref: str = "") -> Key:
    return event["source"], event["type"], ref or event["sourceref"]


def register(delivered: Iterable[Event]) -> Register:
    """Apply events in the order of what they tell, whatever order they came in."""
    kept = Register()
    by_key = {key(event): event for event in delivered}
    roots = {at: root(event, by_key) for at, event in by_key.items()}
    replaced = {key(event, event["priorref"]) for event in by_key.values() if event["op"] == "correct"}
    withdrawn = {roots[at] for at, event in by_key.items() if event["op"] == "void"}
    kept.corrected, kept.withdrawn = len(replaced), len(withdrawn)
    for event in by_key.values():
        nid, token = subject(event["data"])
        kept.persons.setdefault(nid or token, nobody(nid, token))
    standing = [
        (event["data"]["occurred_on"], event["type"], event["source"], at)
        for at, event in by_key.items()
        if event["op"] != "void" and at not in replaced and roots[at] not in withdrawn
    ]
    for _, contract, _, at in sorted(standing):
        data = by_key[at]["data"]
        person = kept.persons["".join(subject(data))]
        apply(kept, person, contract.removeprefix("eg.nea."), by_key[roots[at]]["id"], data)
    return kept


def root(event: Event, by_key: dict[Key, Event]) -> Key:
    """The record that everything in a chain of corrections and withdrawals is about."""
    while event["op"] != "assert":
        event = by_key[key(event, event["priorref"])]
    return key(event)


def subject(data: dict[str, Any]) -> tuple[str, str]:
    """The national ID that a record is about, or else the token."""
    return data.get("person", {}).get("nid", ""), data.get("subject_token", "")


def nobody(nid: str, token: str) -> dict[str, Any]:
    return {
        "nid": nid, "token": token, "dead": {}, "eligible_from": "", "residence": {}, "card": "", "changed": {},
        "other_numbers": [], "bars": {}, "forces": [], "orders": [], "placements": {},
    }  # fmt: skip


def apply(
    kept: Register, person: dict[str, Any], contract: str, identifier: str, data: dict[str, Any]
) -> None:
    match contract:
        case "death.v1":
            if person["dead"].get("assurance") != "REGISTERED" or data["assurance"] == "REGISTERED":
                person["dead"] = some(data, "death_date", "assurance")
        case "eligibility-gained.v1":
            person |= {"eligible_from": data["eligible_from"], "residence": data["residence"]}
        case "voter-snapshot.v1":
            person |= {"card": data["card_status"], "residence": data["residence"]}
        case "residence-change.v1":
            person["residence"] = data["to_addr"]
        case "civil-status-change.v1":
            change(person, data)
        case "capacity-status.v1" if data["phase"] == "END":
            kept.closed += person["bars"].pop(data["bar_id"], None) is not None
        case "capacity-status.v1":
            person["bars"][identifier] = some(data, "kind") | case(data.get("decision", {}))
        case "deprivation.v1":
            if not data["execution_suspended"]:
                person["bars"][identifier] = some(data, "legal_item") | case(data["decision"])
        case "restoration.v1":
            named = [name for name, bar in person["bars"].items() if names(data, name, bar)]
            for name in named:
                del person["bars"][name]
            kept.closed += len(named)
            kept.judgments += len(named) if "closes_decision" in data else 0
        case "service-status.v1":
            serving = {*person["forces"], data["force"]}
            person["forces"] = sorted(serving if data["phase"] == "JOINED" else serving - {data["force"]})
        case "register-order.v1":
            person["orders"].append(some(data, "order", "forum", "enforceable_on"))
        case "judicial-roster.v1":
            placement = some(data, "member_no", "availability", "from", "to", "work_gov")
            person["placements"][data["body"]] = placement
        case _:
            raise AssertionError(contract)


def case(decision: dict[str, Any]) -> dict[str, Any]:
    return some(decision, "court_code", "case_no", "case_year")


def names(restoration: dict[str, Any], identifier: str, bar: dict[str, Any]) -> bool:
    """Whether a restoration is about a bar: it names its id, or the case that it comes from."""
    if "closes_bar_id" in restoration:
        return restoration["closes_bar_id"] == identifier
    return case(restoration["closes_decision"]) == case(bar)


def change(person: dict[str, Any], data: dict[str, Any]) -> None:
    match data["change_kind"]:
        case "CARD_STATUS":
            person["card"] = data["card_status"]
        case "NID_REPLACED" | "NID_MERGED":
            person["other_numbers"].append(data["nid_old"])
        case "NATIONALITY":
            person["changed"]["NATIONALITY"] = data["nationality_event"]
        case kind:
            person["changed"][kind] = data["new_value"]


def some(data: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: data[name] for name in names if name in data}
