"""Those who exchange records in the demonstration, each a process of its own, and what they say of themselves."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec

from gateway.demo.agency import Task
from gateway.demo.local import in_memory
from gateway.demo.running import Running
from gateway.demo.site import HOST, Site
from gateway.demo.tally import Delivered, Tally, Told
from gateway.errors import Unavailable
from gateway.moments import LEGAL_ZONE

STALLED_S = 60.0
LOOK_S = 0.1
MINISTRY_PERCENT, PROSECUTION_PERCENT = 55, 10
"""Of the records; the civil register sends the others."""

T = TypeVar("T")


def start_core(site: Site) -> Running:
    """Start the elections authority's core; it takes records on return."""
    config, descriptors = site.consumer()
    command = [sys.executable, "-m", "gateway.demo.core", str(config), _day().isoformat()]
    running = site.run("core", command, site.admit("nea"), descriptors=descriptors)
    _close(*descriptors)
    running.wait_for("core.started")
    return running


def start_agencies(site: Site, records: int) -> Mapping[str, Running]:
    """Start the agencies, which begin at once to send `records` records together."""
    ministry, prosecution = (records * part // 100 for part in (MINISTRY_PERCENT, PROSECUTION_PERCENT))
    register = records - ministry - prosecution
    return {
        "moh": _start_agency(site, "moh", ministry, keep=site.folder / "proof"),
        "cso": _start_agency(site, "cso", register, endpoint_port=site.ports["endpoint"]),
        "ppo": _start_agency(site, "ppo", prosecution, soap=True),
    }


def follow(
    core: Running, agencies: Mapping[str, Running], show: Callable[[Tally], None] = lambda _: None
) -> Tally:
    """Wait until every record is answered; return what everybody counted.

    Raises:
        Unavailable: one of them ended or gave up.
    """
    began = moved = time.monotonic()
    before, sending_s = b"", 0.0
    while True:
        tally = Tally(
            [_last(running, "agency.told", Told(name, [])) for name, running in agencies.items()],
            _last(core, "core.told", Delivered()),
        )
        now = time.monotonic()
        show(tally)
        if not sending_s and all(told.finished for told in tally.agencies):
            sending_s = now - began
        _check(core, agencies, tally)
        if (says := msgspec.json.encode(tally)) != before:
            before, moved = says, now
        # What stands still is counted as it stands: the sums will say what is missing.
        if tally.settled or now - moved > STALLED_S:
            tally.sending_s, tally.whole_s = sending_s, now - began
            return tally
        time.sleep(LOOK_S)


def _check(core: Running, agencies: Mapping[str, Running], tally: Tally) -> None:
    for told in tally.agencies:
        if told.failed:
            raise Unavailable(told.failed, f"the agency {told.agency} could not send its records")
    for running in (core, *agencies.values()):
        if running.popen.poll() is not None:
            raise Unavailable("unavailable.internal", f"{running.name} ended: {running.said[-1:]}")


def _start_agency(
    site: Site,
    name: str,
    records: int,
    *,
    endpoint_port: int = 0,
    keep: Path | None = None,
    soap: bool = False,
) -> Running:
    # One certificate for both directions: the registry knows the caller by the first name, and the gateway
    # calls the agency's server by the second.
    issued = site.authority.issue(name, hosts=(f"{name}.test", HOST), server=True)
    credentials = in_memory(issued.key_pem + issued.chain_pem.encode())
    task = Task(
        agency=name,
        records=records,
        # The day before, so that nothing lies in the future wherever the clocks are between midnights.
        today=_day(),
        url=site.url,
        inbox_url=site.inbox_url,
        ca_file=str(site.config / "pki" / "gateway.pem"),
        credentials=credentials,
        endpoint_port=endpoint_port,
        keep=str(keep or ""),
        soap=soap,
    )
    descriptors = [credentials]
    if name in site.ssh_identities:
        task.ssh_key = in_memory(site.ssh_identities[name])
        task.sftp_port, task.host_key = site.ports["sftp"], site.prepared.ssh_keys["intake/ssh-host"]
        descriptors.append(task.ssh_key)
    command = [sys.executable, "-m", "gateway.demo.agency", msgspec.json.encode(task).decode()]
    running = site.run(name, command, {}, descriptors=descriptors)
    _close(*descriptors)
    running.wait_for("agency.ready")
    return running


def _last(running: Running, event: str, default: T) -> T:
    """Return the last that a process told, or `default`."""
    for line in reversed(running.said):
        if line.get("event") == event:
            return msgspec.convert(line["told"], type(default))
    return default


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _day() -> date:
    """Return the day that records are as of: yesterday, so that none of them is from the future anywhere."""
    return datetime.now(LEGAL_ZONE).date() - timedelta(days=1)
