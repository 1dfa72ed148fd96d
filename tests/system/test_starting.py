"""A process that cannot start says why, to whoever reads its last lines at night."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.demo.set_up import SHIPPED
from gateway.demo.site import isnad


@pytest.mark.parametrize("process", ["serve", "deliver"])
def test_settings_that_do_not_hold_are_named_by_file_line_and_key(tmp_path: Path, process: str) -> None:
    config = tmp_path / "config"
    shutil.copytree(SHIPPED, config)
    settings = config / "gateway.yaml"
    settings.write_text(settings.read_text().replace("suite: hybrid", "suite: best") + "surprise: true\n")
    command = [*isnad(process), "--config", str(config)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.returncode == 1
    lines = (ended.stdout + ended.stderr).splitlines()
    assert any(line.startswith("gateway.yaml: line") and "suite" in line for line in lines)
    assert any(line.startswith("gateway.yaml: line") and "surprise" in line for line in lines)
    assert "Traceback" not in ended.stderr
