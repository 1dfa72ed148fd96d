"""Configuration files that change, under a running gateway or before it starts."""

from __future__ import annotations

from typing import Any

import yaml

from gateway.demo.site import Site


def change(site: Site, file: str, **members: Any) -> None:
    """Change members of a configuration file."""
    write(site, file, yaml.safe_load((site.config / file).read_text()) | members)


def write(site: Site, file: str, document: dict[str, Any]) -> None:
    """Write a configuration file all at once, as an editor saves it."""
    path = site.config / file
    beside = path.with_suffix(".new")
    beside.write_text(yaml.safe_dump(document, allow_unicode=True))
    beside.replace(path)
