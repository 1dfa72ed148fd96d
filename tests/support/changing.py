"""Configuration files that change, under a running gateway or before it starts."""

from __future__ import annotations

from typing import Any

import yaml

from gateway.demo.site import Site, replace_file


def change(site: Site, file: str, **members: Any) -> None:
    """Change members of a configuration file."""
    write(site, file, yaml.safe_load((site.config / file).read_text()) | members)


def write(site: Site, file: str, document: dict[str, Any]) -> None:
    """Write a configuration file all at once, as an editor saves it."""
    replace_file(site.config / file, yaml.safe_dump(document, allow_unicode=True).encode())
