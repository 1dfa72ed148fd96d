"""A whole site as its auditor sees it: the log, replayed, and what it says of each record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from crypto.hpke import Suite
from crypto.note import LogPolicy
from crypto.openbao.signer import TransitLogKeys
from gateway.demo.site import Site
from gateway.log import search
from gateway.log.reading import Readers
from gateway.log.replay import verify_lane

DELIVERED, UNDELIVERABLE = "record.delivered", "record.undeliverable"


class Auditor:
    """Reads the log's store beside the process that writes it."""

    def __init__(self, site: Site) -> None:
        settings, bao = site.settings, site.keys.administrator()
        self._origin = settings["origin"]
        self._suite = Suite(settings["suite"])
        self._keys = TransitLogKeys(bao, self._suite).public_keys()
        self._readers = Readers(site.config / settings["store"]["path"])

    def close(self) -> None:
        self._readers.close()

    @property
    def db(self):
        return self._readers.db()

    def entries(self, lane: str, since: int = 0) -> list[dict]:
        """Return what a lane says from an index on, oldest first."""
        size = self.size(lane)
        return [search.show(self.db, lane, index).fields for index in range(since, size)]

    def size(self, lane: str) -> int:
        row = self.db.execute("SELECT size FROM lane WHERE name = ?", [lane]).fetchone()
        return row[0] if row else 0

    def trace(self, record_id: str) -> list[str]:
        """Return the kinds of what happened to one record, in order of time; other records correct or void it.

        Who reads a queue may answer before the log has been told that the queue has the record.
        """
        story = [found.fields for found in search.trace(self.db, record_id)]
        return [entry["kind"] for entry in story if entry.get("id", record_id) == record_id]

    def verify(self) -> None:
        """Replay every lane from its first entry: entries, tiles, roots and every signature."""
        for lane in search.lanes(self.db):
            verify_lane(self.db, lane, self.policy(lane))

    def policy(self, lane: str) -> LogPolicy:
        """Return what makes a lane's checkpoints believable."""
        return LogPolicy(f"{self._origin}/{lane}", self._suite, self._keys.ed25519, self._keys.mldsa44)

    def holds(self, promises: Mapping[str, tuple[str, int]]) -> None:
        """Check that what was promised stands where it was promised, and once."""
        for record_id, (lane, index) in promises.items():
            entry = search.show(self.db, lane, index).fields
            assert (entry["kind"], entry["id"]) == ("record.accepted", record_id)

    def accepted(self, lane: str) -> list[str]:
        """Return the ids of the records that a lane accepted, as often as it did, oldest first."""
        return [entry["id"] for entry in self.entries(lane) if entry["kind"] == "record.accepted"]

    def accepted_once(self) -> None:
        """Check that no record was accepted twice, in any lane."""
        ids = Counter(record_id for lane in search.lanes(self.db) for record_id in self.accepted(lane))
        assert [record_id for record_id, times in ids.items() if times > 1] == []
        assert len(ids) == self.db.execute("SELECT count(*) FROM promise").fetchone()[0]

    def unsettled(self, record_ids: Iterable[str]) -> list[str]:
        """Return those records of which the log says neither that they were delivered nor why not."""
        settled = {DELIVERED, UNDELIVERABLE}
        return [record_id for record_id in record_ids if settled.isdisjoint(self.trace(record_id))]

    def outbox(self) -> int:
        """Return how many messages are in the log and not yet in the queue, or events in the spool."""
        counts = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM spool)"
        return self.db.execute(counts).fetchone()[0]
