"""The wall clock, passed to everything that needs the time."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Tell the time, with its zone."""
    return datetime.now(UTC)
