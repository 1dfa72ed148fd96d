"""A recipient's register as its contracts ask for it, from nothing but the events that were delivered to it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
Key = tuple[str, str, str]


@dataclass
class Register:
    """What is known of each national ID; `closed` counts bars that somebody ended, `withdrawn` voided records."""

    persons: dict[str, dict[str, Any]] = field(default_factory=dict)
    closed: int = 0
    corrected: int = 0
    withdrawn: int = 0


def key(event: Event, ref: str = "") -> Key:
    return event["source"], event["type"], ref or event["sourceref"]


def register(delivered: Iterable[Event]) -> Register:
    """Apply events in the order of what they tell, whatever order they came in."""
    kept = Register()
    by_key = {key(event): event for event in delivered if event["data"].get("person", {}).get("nid")}
    roots = {at: root(event, by_key) for at, event in by_key.items()}
    replaced = {key(event, event["priorref"]) for event in by_key.values() if event["op"] == "correct"}
    withdrawn = {roots[at] for at, event in by_key.items() if event["op"] == "void"}
    kept.corrected, kept.withdrawn = len(replaced), len(withdrawn)
    for event in by_key.values():
        nid = event["data"]["person"]["nid"]
        kept.persons.setdefault(nid, nobody(nid))
    standing = [
        (event["data"]["occurred_on"], event["type"], event["source"], at)
        for at, event in by_key.items()
        if event["op"] != "void" and at not in replaced and roots[at] not in withdrawn
    ]
    for _, contract, _, at in sorted(standing):
        data = by_key[at]["data"]
        person = kept.persons[data["person"]["nid"]]
        apply(kept, person, contract.removeprefix("eg.nea."), by_key[roots[at]]["id"], data)
    return kept


def root(event: Event, by_key: dict[Key, Event]) -> Key:
    """The record that everything in a chain of corrections and withdrawals is about."""
    while event["op"] != "assert":
        event = by_key[key(event, event["priorref"])]
    return key(event)


def nobody(nid: str) -> dict[str, Any]:
    return {
        "nid": nid, "dead": {}, "eligible_from": "", "residence": {}, "card": "", "changed": {},
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
            person["bars"][identifier] = data["kind"]
        case "deprivation.v1":
            if not data["execution_suspended"]:
                person["bars"][identifier] = data["legal_item"]
        case "restoration.v1":
            kept.closed += person["bars"].pop(data.get("closes_bar_id"), None) is not None
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
