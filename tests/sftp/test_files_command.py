"""`isnad files`, as an operator sees it."""

from __future__ import annotations

import json
import shutil

import yaml
from click.testing import CliRunner
from place import Person, Place, rows

from gateway.cli.files import files
from gateway.demo.site import SHIPPED


def configuration(place: Place, tmp_path) -> str:
    """The shipped settings, with the folder in which this place's files are."""
    shutil.copytree(SHIPPED, tmp_path / "config")
    path = tmp_path / "config" / "gateway.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["sftp"]["folder"] = str(place.files)
    path.write_text(yaml.safe_dump(settings))
    return str(tmp_path / "config")


def test_files_are_listed_with_state_counts_and_rate(place: Place, cso: Person, tmp_path):
    cso.put("listed.csv", rows(700, first=800_000), 700)
    place.answered("listed.csv")
    config = configuration(place, tmp_path)
    told = CliRunner().invoke(files, ["--config", config, "--json", "--all"])
    assert told.exit_code == 0, told.output
    lines = [json.loads(line) for line in told.output.splitlines()]
    (one,) = [line for line in lines if line["name"] == "listed.csv"]
    assert (one["state"], one["records"], one["expected"], one["accepted"]) == ("answered", 700, 700, 700)
    assert one["records_per_s"] > 0
    shown = CliRunner().invoke(files, ["--config", config, "--agency", "cso"], env={"COLUMNS": "200"})
    assert "listed.csv" in shown.output
    assert CliRunner().invoke(files, ["--config", config, "--agency", "moh", "--json"]).output == ""
