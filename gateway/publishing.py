"""Tells an agency what it may send: the contracts of its agreements in force, with its own source schemas."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import contracts
from gateway.doors import Published, XmlRecords
from gateway.registry.snapshot import Snapshot

_SUFFIXES = {
    "application/json": ".json",
    "application/x-ndjson": ".ndjson",
    "application/xml": ".xml",
    "text/xml": ".xml",
    "text/csv": ".csv",
}


class Publishing:
    """Implements `doors.Publisher`. `in_force` returns the snapshot to tell of."""

    def __init__(self, in_force: Callable[[], Snapshot]) -> None:
        self._in_force = in_force

    def __call__(self, agency: str) -> Sequence[Published]:
        """See `doors.Publisher`."""
        snapshot, now_ms = self._in_force(), time.time_ns() // 1_000_000
        agreed = [
            agreement.file
            for agreement in snapshot.registry.agreements
            if agreement.file.sender == agency and agreement.covers(now_ms)
        ]
        encrypted = {file.contract for file in agreed if file.body_encryption != "refused"}
        published = (
            published_as(snapshot.catalogue.binding(agency, name), encrypted=name in encrypted)
            for name in sorted({file.contract for file in agreed})
        )
        ways = frozenset(snapshot.registry.agencies[agency].file.adapter if agreed else ())
        return [
            replace(one, transports=tuple(way for way in one.transports if way in ways)) for one in published
        ]


def published_as(binding: contracts.Binding, *, encrypted: bool = False) -> Published:
    """Return a contract as the agency of this binding meets it; `encrypted` is whether messages may be."""
    contract = binding.contract
    return Published(
        contract=contract.name,
        title_en=contract.title_en,
        title_ar=contract.title_ar,
        description_en=contract.description,
        description_ar=contract.description_ar,
        media_types=binding.media_types,
        source_schema=binding.source_schema if binding.format == "json" else None,
        xml=_xml(binding),
        transports=binding.transport,
        examples=_examples(binding),
        encrypted=encrypted,
    )


def _xml(binding: contracts.Binding) -> XmlRecords | None:
    if binding.format != "xml" or binding.encoding != "utf-8":
        return None
    return XmlRecords(binding.source.record_path, binding.source_document[1])


def _examples(binding: contracts.Binding) -> dict[str, str]:
    """Return the first valid sample for each media type that the binding has one of."""
    found: dict[str, str] = {}
    for media_type in binding.media_types:
        for sample in binding.samples:
            if sample.expected is not None and sample.file.endswith(_SUFFIXES[media_type]):
                found.setdefault(media_type, sample.octets.decode(binding.encoding))
    return found
