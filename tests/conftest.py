"""Services that tests of every room may ask for."""

import io
import sys

from hypothesis import HealthCheck, settings

from gateway import observe

pytest_plugins = ["services.openbao", "services.rabbitmq"]


class _Stdout(io.TextIOBase):
    """Writes to the standard output of the moment: each test has one of its own."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)


# As every process does first. Without it structlog prints each error with all local variables, catalogues included.
observe.configure("tests", stream=_Stdout())

# A machine that does much else at the same time is slow now and then; that is no failure of what is tested.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")
