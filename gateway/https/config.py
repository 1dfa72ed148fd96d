"""How a port for HTTPS is configured. Every limit has a default that holds on a two-core machine."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

KIB, MIB = 1 << 10, 1 << 20


class Limits(BaseModel):
    """What a client may cost before it is cut off. Applied before anything of a body is parsed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    max_connections: int = Field(default=1024, ge=1)
    max_header_bytes: int = Field(default=16 * KIB, ge=KIB)
    """Request line and header fields of one request."""
    header_timeout_s: float = Field(default=10, gt=0)
    """From a request's first octet (or the handshake) to the end of its header fields."""
    keep_alive_s: int = Field(default=75, ge=1)
    """How long a connection may rest between requests."""
    idle_timeout_s: float = Field(default=30, gt=0)
    """How long a client may neither send what it announced nor read what it asked for."""
    min_bytes_per_s: int = Field(default=512, ge=0)
    """Mean speed of a body after `idle_timeout_s`; only the time in which the gateway waits for it counts."""
    max_whole_body_bytes: int = Field(default=MIB, ge=KIB)
    """A body that is answered in one piece, or whose digest must be known before it is accepted."""
    max_signed_body_bytes: int = Field(default=8 * MIB, ge=KIB)
    """A body whose own signature is verified, which must be there to its end before any of it is accepted."""
    max_held_bytes: int = Field(default=128 * MIB, ge=MIB)
    """Whole bodies held in memory at a time, over all connections."""


class Config(BaseModel):
    """Where is listened and what is allowed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8443, ge=0, le=65535)
    """0 lets the system choose."""
    server_names: tuple[str, ...] = ("localhost",)
    """The names that agencies call the gateway by; what they sign names one of them."""
    grace_s: float = Field(default=20, ge=0)
    """How long a stop waits for requests that are running."""
    limits: Limits = Limits()
