"""A changed configuration comes into force without a restart; a broken one never does."""

import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from registry_parts import agency, plain

import contracts
from contracts.errors import Invalid
from contracts.folder import SHIPPED
from gateway import metrics
from gateway.errors import Unavailable
from gateway.registry import Living
from gateway.registry.in_force import InForce
from gateway.registry.snapshot import Sources


class Lane:
    """The gateway's lane as the registry sees it: takes events, or is out of order."""

    def __init__(self):
        self.events = []
        self.out_of_order = False
        self.fails = False

    def __call__(self, events):
        if self.fails:
            raise ZeroDivisionError
        if self.out_of_order:
            raise Unavailable("unavailable.store")
        self.events += events

    def names(self):
        return [(event.kind, dict(event.fields)["name"]) for event in self.events]


@pytest.fixture
def lane():
    return Lane()


@pytest.fixture
def living(config, lane):
    living = Living(config.sources(), lane, poll_s=0.02)
    lane.events.clear()
    yield living
    living.stop()


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def test_the_first_start_logs_everything_that_comes_into_force(config, lane):
    Living(config.sources(), lane)
    assert lane.names() == [
        ("agency.changed", "cso"),
        ("agency.changed", "moh"),
        ("agency.changed", "nea"),
        ("agreement.changed", "cso-nea-eligibility-gained.v1"),
        ("agreement.changed", "moh-nea-death.v1"),
        ("agreement.changed", "nea-cso-disposition.v1"),
        ("agreement.changed", "nea-moh-disposition.v1"),
        ("calendar.changed", "calendar.yaml"),
        ("contract.changed", "catalogue"),
    ]
    assert {dict(event.fields)["old"] for event in lane.events} == {""}


def test_a_restart_with_what_was_logged_logs_nothing(config, lane, living):
    Living(config.sources(), lane, logged=living.current.digests)
    assert lane.events == []


def test_a_start_with_a_broken_configuration_is_no_start(config, lane):
    config.write("calendar.yaml", "elections: none\n")
    with pytest.raises(Invalid):
        Living(config.sources(), lane)
    assert lane.events == []


def test_a_change_comes_into_force_by_itself_and_is_logged_with_both_digests(config, lane, living):
    before = living.current
    living.start()
    config.agency("moh", revoked=["0" * 64])
    until(lambda: living.current is not before)
    assert lane.names() == [("agency.changed", "moh")]
    fields = dict(lane.events[0].fields)
    assert fields["old"] == before.registry.agencies["moh"].digest
    assert fields["new"] == living.current.registry.agencies["moh"].digest
    assert living.state().digest == living.current.registry.digest


def test_a_new_agency_and_a_removed_agreement_need_no_restart(config, lane, living):
    living.start()
    config.agency("mod")
    (config.folder / "agreements/nea-cso-disposition.v1.yaml").unlink()
    until(lambda: "mod" in living.current.registry.agencies)
    assert lane.names() == [("agency.changed", "mod"), ("agreement.changed", "nea-cso-disposition.v1")]
    assert dict(lane.events[1].fields)["new"] == ""


def test_a_changed_contract_comes_into_force_by_itself(config, lane, tmp_path):
    folder = tmp_path / "contracts"
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("*.py", "*.pyc"))
    living = Living(Sources(config.folder, folder, "synthetic"), lane, poll_s=0.02)
    lane.events.clear()
    living.start()
    try:
        example = next((folder / "canonical/death/v1").rglob("*.json"))
        example.write_bytes(example.read_bytes() + b"\n")
        until(lambda: lane.names() == [("contract.changed", "catalogue")])
    finally:
        living.stop()


# -- contracts of one agency that do not hold


@dataclass
class Shared:
    """Contracts that several agencies change, and what the gateway keeps of them."""

    folder: Path
    in_force: InForce

    def sources(self, config) -> Sources:
        return Sources(config.folder, self.folder, "synthetic", self.in_force)

    def breaks(self, agency: str) -> None:
        """Break the mapping of all that an agency sends."""
        for mapping in (self.folder / "agencies" / agency).rglob("mapping.yaml"):
            mapping.write_text("fields: {")

    def changes(self, agency: str, text: str) -> None:
        for binding in (self.folder / "agencies" / agency).rglob("binding.yaml"):
            binding.write_text(re.sub("title_en: .*", f"title_en: {text}", binding.read_text()))


@pytest.fixture
def shared(tmp_path):
    folder = tmp_path / "contracts"
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("*.py", "*.pyc"))
    return Shared(folder, InForce(tmp_path / "kept"))


def test_what_one_agency_breaks_stays_as_it_was_and_what_others_change_counts(config, lane, shared):
    living = Living(shared.sources(config), lane)
    mapping = living.current.catalogue.binding("cso", "death.v1").mapping.sources
    lane.events.clear()
    shared.breaks("cso")
    shared.changes("moh", "Deaths of another kind")
    snapshot = living.reload()
    assert snapshot.catalogue.binding("moh", "death.v1").title_en == "Deaths of another kind"
    assert snapshot.catalogue.binding("cso", "death.v1").mapping.sources == mapping
    assert lane.names() == [("contract.changed", "catalogue")]
    told = living.state().problems
    assert told
    assert all(problem.startswith("agencies/cso/") for problem in told)
    assert metrics.REGISTRY_REFUSED._value.get() == 1


def test_what_is_repaired_counts_again(config, lane, shared):
    living = Living(shared.sources(config), lane)
    before = living.current.catalogue.digest
    shared.breaks("cso")
    living.reload()
    assert living.current.catalogue.digest == before
    for file in SHIPPED.glob("agencies/cso/*/*/mapping.yaml"):
        shutil.copy(file, shared.folder / file.relative_to(SHIPPED))
    shared.changes("cso", "Deaths as they are")
    living.reload()
    assert living.state().problems == ()
    assert living.current.catalogue.binding("cso", "death.v1").title_en == "Deaths as they are"


def test_a_restart_finds_what_a_broken_agency_had(config, lane, shared):
    Living(shared.sources(config), lane)
    shared.breaks("cso")
    shared.changes("moh", "Deaths of another kind")
    again = Living(shared.sources(config), lane)
    assert ("cso", "death.v1") in again.current.catalogue.bindings
    assert again.current.catalogue.binding("moh", "death.v1").title_en == "Deaths of another kind"
    assert again.state().problems


def test_processes_that_prepare_records_find_what_is_in_force_and_not_what_is_broken(config, lane, shared):
    living = Living(shared.sources(config), lane)
    for name in ("moh", "moj", "moh"):
        shared.breaks("cso")
        shared.changes(name, f"Of {name}, {time.monotonic_ns()}")
        found = living.reload().catalogue
        assert contracts.load(shared.in_force.current).digest == found.digest
    assert len([path for path in shared.in_force.folder.iterdir() if path.is_dir()]) == 2  # and its name


def test_a_binding_that_its_agency_takes_away_stays_as_long_as_it_is_agreed(config, lane, shared):
    living = Living(shared.sources(config), lane)
    shutil.rmtree(shared.folder / "agencies/moh/death")
    shared.changes("cso", "Deaths of another kind")
    found = living.reload().catalogue
    assert ("moh", "death.v1") in found.bindings
    assert found.binding("cso", "death.v1").title_en == "Deaths of another kind"
    assert "moh has no binding for it" in living.state().problems[0]
    for agreement in config.folder.glob("agreements/moh-*.yaml"):
        agreement.unlink()
    assert ("moh", "death.v1") not in living.reload().catalogue.bindings
    assert living.state().problems == ()


def test_what_belongs_to_no_agency_alone_is_refused_as_a_whole(config, lane, shared):
    living = Living(shared.sources(config), lane)
    before = living.current
    (shared.folder / "canonical/death/v1/schema.json").write_text("{")
    shared.breaks("cso")
    with pytest.raises(Invalid) as caught:
        living.reload()
    assert {problem.file.partition("/")[0] for problem in caught.value.problems} == {"canonical", "agencies"}
    assert living.current is before


def test_a_folder_that_was_kept_and_then_changed_is_not_trusted(config, lane, shared):
    Living(shared.sources(config), lane)
    kept = next(shared.in_force.current.glob("agencies/cso/*/*/mapping.yaml"))
    kept.write_bytes(kept.read_bytes() + b"\n")
    shared.breaks("cso")
    with pytest.raises(Invalid):
        Living(shared.sources(config), lane)


def test_an_agency_with_too_many_files_takes_no_room_from_others(config, lane, shared):
    living = Living(shared.sources(config), lane)
    samples = shared.folder / "agencies/admin-court/register-order/v1/samples/valid"
    for number in range(5_000):
        (samples / f"n{number}.xml").touch()
    shared.changes("moh", "Deaths of another kind")
    living.reload()
    assert living.current.catalogue.binding("moh", "death.v1").title_en == "Deaths of another kind"
    assert all(problem.startswith("agencies/admin-court/") for problem in living.state().problems)


def test_a_broken_change_is_refused_and_what_was_in_force_stays(config, lane, living):
    before = living.current
    living.start()
    config.agency("moh", role="guest")
    until(lambda: living.state().problems)
    assert living.current is before
    assert lane.events == []
    assert living.state().digest == before.registry.digest
    assert "agencies/moh.yaml" in living.state().problems[0]


def test_a_repaired_change_clears_the_problem(config, living):
    living.start()
    config.agency("moh", role="guest")
    until(lambda: living.state().problems)
    config.agency("moh", revoked=["1" * 64])
    until(lambda: not living.state().problems)
    assert living.current.registry.agencies["moh"].file.revoked == ("1" * 64,)


def test_a_new_revocation_list_alone_is_a_change(config, lane, living):
    before = living.current
    living.start()
    config.write("pki/ca.crl", config.authority.crl())
    until(lambda: living.current is not before)
    assert {kind for kind, _ in lane.names()} == {"agency.changed"}


def test_a_change_that_cannot_be_logged_waits_until_it_can(config, lane, living):
    before = living.current
    lane.out_of_order = True
    living.start()
    config.agency("moh", revoked=["2" * 64])
    until(lambda: living.state().problems)
    assert living.current is before
    assert living.state().problems == ("unavailable.store: the change cannot be logged yet",)
    lane.out_of_order = False
    until(lambda: living.current is not before)
    assert lane.names() == [("agency.changed", "moh")]


def test_the_watch_outlives_what_nobody_foresaw(config, lane, living):
    lane.fails = True
    living.start()
    config.agency("moh", revoked=["3" * 64])
    until(lambda: living.state().problems)
    lane.fails = False
    config.agency("moh", revoked=["4" * 64])
    until(lambda: not living.state().problems)
    assert living.current.registry.agencies["moh"].file.revoked == ("4" * 64,)


def test_reloading_by_hand_says_what_is_wrong(config, living):
    config.write("agencies/moh.yaml", plain(agency("moh", role="guest")))
    with pytest.raises(Invalid):
        living.reload()
    config.agency("moh")
    assert living.reload() is living.current


def test_a_file_rewritten_with_the_same_words_changes_nothing_in_the_log(config, lane, living):
    config.agency("moh")
    living.reload()
    assert lane.events == []
