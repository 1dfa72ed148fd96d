"""A whole site for an agency that speaks SOAP: the Public Prosecution."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from soap_parts import Prosecution, prosecution_site
from support.auditor import Auditor


@pytest.fixture(scope="session")
def prosecution(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prosecution]:
    with prosecution_site(tmp_path_factory.mktemp("soap")) as made:
        serve = made.serve()
        with closing(Auditor(made)) as auditor, Prosecution(made, serve, auditor) as one:
            yield one
