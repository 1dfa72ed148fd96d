"""How the SFTP adapter is configured. Every limit has a default that holds on a two-core machine."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

JOURNAL = "journal.db"
"""What the adapter's journal is called, in `Config.folder`."""


class Config(BaseModel):
    """Where the adapter listens, where files are kept (sealed), and what a client may cost."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    folder: Path
    host: str = "127.0.0.1"
    port: int = Field(default=2222, ge=0, le=65535)
    """0 lets the system choose."""
    max_connections: int = Field(default=256, ge=1)
    login_timeout_s: float = Field(default=20, gt=0)
    idle_timeout_s: float = Field(default=30, gt=0)
    """How often a client that is silent is asked whether it is still there; the third time it is cut off."""
