"""Whatever an agency of the shipped configuration may send, its own sample passes the door and is in the log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
import yaml
from support.auditor import Auditor
from support.participants import participant

import contracts
from contracts.binding import Binding
from gateway.demo.set_up import site
from gateway.demo.site import Site

BINDINGS = [
    pytest.param(binding, id=f"{binding.agency} {binding.contract.name}")
    for binding in contracts.load().bindings.values()
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Auditor]]:
    with site(tmp_path_factory.mktemp("site"), workers=1) as made:
        made.serve()
        with closing(Auditor(made)) as auditor:
            yield made, auditor


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_sample_passes_and_is_logged(running: tuple[Site, Auditor], binding: Binding) -> None:
    made, auditor = running
    (sample,) = (one for one in binding.samples if "/samples/valid/one." in one.file)
    path = f"/v1/{binding.contract.name}/records"
    agreement = next(made.config.glob(f"agreements/{binding.agency}-*-{binding.contract.name}.yaml"))
    headers = {"content-type": binding.media_types[0], "accept": "application/json"}
    with participant(made, binding.agency) as client:
        answer = client.post(
            path,
            params={"recipient": yaml.safe_load(agreement.read_text())["recipient"]},
            content=sample.octets,
            headers=headers,
        )
    (outcome,) = answer.raise_for_status().json()["outcomes"]
    assert outcome["outcome"] == "accepted"
    entry = auditor.entries(binding.agency)[outcome["index"]]
    assert (entry["id"], entry["contract"]) == (outcome["id"], binding.contract.name)
