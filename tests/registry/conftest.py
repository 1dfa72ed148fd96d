"""What every test of the registry starts from."""

import pytest
from registry_parts import Configuration


@pytest.fixture
def config(tmp_path):
    return Configuration(tmp_path / "config")
