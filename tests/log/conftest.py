"""Stores for tests of the log."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.stores import Store


@pytest.fixture
def make_store(tmp_path: Path) -> Iterator[Callable[..., Store]]:
    made: list[Store] = []

    def make(**settings) -> Store:
        made.append(Store(tmp_path / "store.db", **settings))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(make_store) -> Store:
    return make_store()
