"""The clock for all code that needs the time. A jump of the machine's clock does not move it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.steady_clock import now as steady_now

if TYPE_CHECKING:
    from datetime import datetime


def now() -> datetime:
    """Return the time in UTC."""
    return steady_now()
