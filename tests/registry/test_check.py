"""`isnad check` says offline whether the gateway would start, and what will soon need somebody."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.check import check, examine
from gateway.demo.pki import Authority

SHIPPED = Path(__file__).parents[2] / "config"
AGENCIES, AGREEMENTS = (len(list((SHIPPED / kind).iterdir())) for kind in ("agencies", "agreements"))
NOW = datetime.now(UTC)


def run(folder, *options):
    return CliRunner().invoke(check, ["--config", str(folder), *options])


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(SHIPPED, tmp_path / "config"))


def test_the_configuration_that_is_shipped_is_valid():
    answer = run(SHIPPED)
    assert answer.exit_code == 0, answer.output
    assert "is valid" in answer.output
    assert f"{AGENCIES} agencies, {AGREEMENTS} agreements" in answer.output


def test_every_problem_is_told_with_its_place_and_the_exit_status_says_so(folder):
    moh = folder / "agencies/moh.yaml"
    moh.write_text(moh.read_text().replace("role: source", "role: guest"))
    (folder / "calendar.yaml").write_text("elections: soon\n")
    answer = run(folder)
    assert answer.exit_code == 1
    assert "agencies/moh.yaml: line 4, role: " in answer.output
    assert "calendar.yaml: line 1, elections: " in answer.output
    assert "2 problems" in answer.output


def test_machines_get_the_same_as_json(folder):
    (folder / "calendar.yaml").unlink()
    answer = json.loads(run(folder, "--json").output)
    assert answer["valid"] is False
    assert answer["problems"][0]["file"] == "calendar.yaml"
    assert json.loads(run(SHIPPED, "--json").output)["counts"]["agencies"] == AGENCIES


def test_broken_settings_are_a_problem_of_their_own(folder):
    (folder / "gateway.yaml").write_text("origin: isnad.example\n")
    answer = run(folder)
    assert answer.exit_code == 1
    assert "gateway.yaml: line 1, store: is required and missing" in answer.output


def test_an_authority_of_the_key_server_must_be_one(folder):
    settings = folder / "gateway.yaml"
    settings.write_text(
        settings.read_text().replace(
            "ca_file: pki/example-ca.pem\n  timeout", "ca_file: pki/none.pem\n  timeout"
        )
    )
    assert "gateway.yaml: keys.ca_file: there is no such file" in run(folder).output


def test_a_revocation_list_that_is_due_is_remarked_before_it_shuts_anybody_out(folder):
    authority = Authority("Test authority")
    (folder / "pki/example-ca.pem").write_text(authority.pem)
    (folder / "pki/example-ca.crl").write_bytes(authority.crl(valid_for=timedelta(days=2)))
    remarks = [str(remark) for remark in examine(folder, NOW).remarks]
    assert sum("without a new revocation list" in remark for remark in remarks) == AGENCIES
    assert run(folder).exit_code == 0


def test_an_agreement_that_ends_soon_is_remarked_unless_another_follows(folder):
    path = folder / "agreements/moh-nea-death.v1.yaml"
    tomorrow = (NOW + timedelta(days=1)).date().isoformat()
    path.write_text(path.read_text().replace("2028-12-31", tomorrow))

    def remarked():
        return [str(remark) for remark in examine(folder, NOW).remarks if "outlook.agreement" in str(remark)]

    assert len(remarked()) == 1
    later = path.read_text().replace("2026-01-01", (NOW + timedelta(days=2)).date().isoformat())
    later = later.replace(tomorrow, (NOW + timedelta(days=900)).date().isoformat())
    (folder / "agreements/later.yaml").write_text(later.replace("id: moh-nea-death.v1", "id: later"))
    assert remarked() == []
