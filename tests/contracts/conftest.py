"""The shipped catalogue, loaded once, and a copy of it that a test may damage."""

import shutil
from pathlib import Path

import pytest

import contracts
from contracts.folder import PARTS, SHIPPED


@pytest.fixture(scope="session")
def catalogue() -> contracts.Catalogue:
    return contracts.load()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in PARTS:
        shutil.copytree(SHIPPED / part, tmp_path / part)
    return tmp_path
