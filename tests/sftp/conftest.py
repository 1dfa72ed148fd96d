from __future__ import annotations

from collections.abc import Iterator

import pytest
from place import FileKeysHeld, Person, Place, configured, host_key, open_place
from support.ssh import key_pair


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("sftp")
    public = key_pair(folder / "cso")
    keys = FileKeysHeld()
    with open_place(folder, configured(folder, keys=[public]), keys) as opened:
        opened.host_key = host_key(keys)
        yield opened


@pytest.fixture(scope="module")
def cso(place: Place) -> Person:
    return Person(place.folder / "cso", "cso", place.port, place.host_key)
