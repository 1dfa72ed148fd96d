"""What is measured by hand only must not be found broken when it is needed."""

import importlib
from pathlib import Path

import benchmarks
import pytest

MODULES = sorted(path.stem for path in Path(benchmarks.__file__).parent.glob("[a-z]*.py"))


@pytest.mark.parametrize("name", MODULES)
def test_every_benchmark_finds_what_it_measures(name: str) -> None:
    importlib.import_module(f"benchmarks.{name}")


def test_what_seals_is_measured_by_what_the_gateway_does() -> None:
    """Importing does not show that the functions are still called as they are to be."""
    figures = importlib.import_module("benchmarks.sealing").run()
    assert {figure.name.partition(":")[0] for figure in figures} == {"seal and sign", "conform and seal"}
