"""What the shipped catalogue is published as, made once, and the same on a disk for a browser."""

from pathlib import Path

import pytest

from adapters import rest, soap
from gateway.publication import Library, publish
from gateway.publication.source import shipped


@pytest.fixture(scope="session")
def library() -> Library:
    return shipped()


@pytest.fixture(scope="session")
def published(library: Library) -> dict[str, bytes]:
    return publish(library, {"rest": rest.describe, "soap": soap.describe})


@pytest.fixture(scope="session")
def site(published: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("site")
    for name, octets in published.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(octets)
    return root
