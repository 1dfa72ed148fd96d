"""Services that tests of every room may ask for."""

import os
from pathlib import Path

from gateway import observe

pytest_plugins = ["services.openbao", "services.rabbitmq"]

# As every process does first. Without it structlog prints each error with all local variables, catalogues included.
observe.configure("tests", stream=Path(os.devnull).open("w"))  # noqa: SIM115  open as long as the tests run
