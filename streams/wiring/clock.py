"""The clock that is passed to whatever needs the time. A jump of the machine's clock does not move it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.steady_clock import now as steady_now

if TYPE_CHECKING:
    from datetime import datetime


def now() -> datetime:
    """Tell the time, with its zone."""
    return steady_now()
