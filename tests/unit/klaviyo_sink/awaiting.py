"""Awaits a condition, and fails the test when it does not come."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(holds: Callable[[], bool | Awaitable[bool]], *, limit_s: float = 60) -> None:
    """Look again and again until `holds` is true; TimeoutError after `limit_s` seconds."""
    async with asyncio.timeout(limit_s):
        while not (found := holds()) or (not isinstance(found, bool) and not await found):
            await asyncio.sleep(0)
