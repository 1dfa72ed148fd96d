"""The shipped catalogue, loaded once, and a copy of it that a test may damage."""

import shutil
from pathlib import Path

import pytest

import contracts
from contracts.folder import PARTS, SHIPPED


@pytest.fixture(scope="session")
def catalogue() -> contracts.Catalogue:
    return contracts.load()


_FEW = {"death", "disposition", "eligibility-gained"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three contracts and the bindings of the first agencies: enough to damage, and quick to copy."""
    for part, agencies in (("canonical", [""]), ("agencies", ["moh", "cso", "nea"])):
        for agency in agencies:
            for name in sorted(_FEW & {path.name for path in (SHIPPED / part / agency).iterdir()}):
                shutil.copytree(SHIPPED / part / agency / name, tmp_path / part / agency / name)
    shutil.copytree(SHIPPED / "_codes", tmp_path / "_codes")
    return tmp_path


@pytest.fixture
def whole_folder(tmp_path: Path) -> Path:
    for part in PARTS:
        shutil.copytree(SHIPPED / part, tmp_path / part)
    return tmp_path
