"""A whole site with an agency behind each adapter, and its auditor: what the suite's tests look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from by_rest import Rest
from by_sftp import Sftp
from by_soap import Soap
from driver import Driver, Interrupted, Reply
from support.auditor import Auditor
from support.changing import change
from support.draining import eventually
from support.participants import small_site

from gateway.demo.running import Running
from gateway.demo.site import Site

DRIVERS = (Rest, Soap, Sftp)
NAMES = [driver.adapter for driver in DRIVERS]


@dataclass
class Exchange:
    """The site, the process that takes records in, and the agencies."""

    site: Site
    agencies: dict[str, Driver]
    serve: Running = field(init=False)
    auditor: Auditor = field(init=False)

    def start(self) -> None:
        """Start the process that takes records in, for the first time or after its end."""
        self.serve = self.site.serve()
        for agency in self.agencies.values():
            agency.attach(self.serve)

    def told(self, lane: str, since: int = 0) -> list[tuple[str, str]]:
        """Return kind and code of everything that a lane says from an index on."""
        return [(one["kind"], one.get("code", "")) for one in self.auditor.entries(lane, since)]

    def remembers(self, lane: str, code: str, since: int = 0) -> bool:
        """Whether a lane comes to say that somebody was told this code."""
        return eventually(lambda: code in [one for _, one in self.told(lane, since)])

    @contextmanager
    def changed(self, file: str, **members: Any) -> Iterator[None]:
        """Change a configuration file of the running site; it is as before at the end of the block."""
        before = yaml.safe_load((self.site.config / file).read_text())
        self._put(file, members)
        try:
            yield
        finally:
            self._put(file, {name: before[name] for name in members})

    def _put(self, file: str, members: dict[str, Any]) -> None:
        since = self.auditor.size("gateway")
        change(self.site, file, **members)
        kinds = {"agency.changed", "agreement.changed"}
        assert eventually(lambda: kinds & {kind for kind, _ in self.told("gateway", since)})


def again(
    agency: Driver, *records: bytes, until: Callable[[Reply], object] = lambda told: not told.code
) -> Reply:
    """Hand the same records over again and again, as the guides ask agencies to, until the answer is as wished."""
    answers: list[Reply] = []

    def answered() -> object:
        try:
            answers.append(agency.send(*records))
        except Interrupted:
            return False
        return until(answers[-1])

    assert eventually(answered), answers[-3:]
    return answers[-1]


@contextmanager
def exchange(folder: Path, **settings: object) -> Iterator[Exchange]:
    """Run a site until the end of the block; `settings` as of `gateway.demo.site`."""
    participants = frozenset({"nea", *(driver.agency for driver in DRIVERS)})
    with small_site(folder / "site", participants=participants, **settings) as made:
        agencies: dict[str, Driver] = {}
        for driver in DRIVERS:
            own = folder / driver.adapter
            own.mkdir()
            agencies[driver.adapter] = driver(made, own)
        whole = Exchange(made, agencies)
        whole.start()
        with closing(Auditor(made)) as whole.auditor:
            yield whole
