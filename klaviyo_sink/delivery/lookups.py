"""Looks up shoppers' rows for all concurrent callers in one query, so that single requests share its cost."""

import asyncio
from collections.abc import Collection, Mapping

from klaviyo_sink.delivery.imports import FindCurrent
from klaviyo_sink.state.settling import Current


class Lookups:
    """A `FindCurrent` that combines all calls within one turn of the event loop."""

    def __init__(self, find_current: FindCurrent) -> None:
        self._find_current = find_current
        self._wanted: set[str] = set()
        self._asking: asyncio.Task[Mapping[str, Current | None]] | None = None

    async def __call__(self, shoppers: Collection[str]) -> Mapping[str, Current | None]:
        """Return the newest states of these shoppers, and maybe of others."""
        self._wanted |= set(shoppers)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
            # If all callers were cancelled, nobody retrieves the error of the query. asyncio would then log it.
            self._asking.add_done_callback(lambda task: task.cancelled() or task.exception())
        # A caller that is cancelled must not cancel the query for the others.
        return await asyncio.shield(self._asking)

    async def _ask(self) -> Mapping[str, Current | None]:
        await asyncio.sleep(0)
        wanted, self._wanted, self._asking = self._wanted, set(), None
        return await self._find_current(wanted)
