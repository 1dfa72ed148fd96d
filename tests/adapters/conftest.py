from __future__ import annotations

import pytest
from driver import Driver
from whole import NAMES, Exchange


@pytest.fixture(params=NAMES)
def agency(running: Exchange, request: pytest.FixtureRequest) -> Driver:
    """Every test that asks for an agency is done by one behind each adapter; its module says what is `running`."""
    return running.agencies[request.param]
