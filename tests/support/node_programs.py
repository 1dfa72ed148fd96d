"""Programs of agencies that use node-soap."""

from __future__ import annotations

from pathlib import Path

MODULES = Path(__file__).resolve().parents[2] / "build" / "node"


def node(*arguments: object) -> list[str]:
    """Return the command line of a program that may use node-soap; `make services` installs it."""
    if not (MODULES / "node_modules" / "soap").is_dir():
        raise FileNotFoundError("node-soap is not installed: run make services")
    return ["/usr/bin/env", f"NODE_PATH={MODULES / 'node_modules'}", "node", *map(str, arguments)]
