"""Checks delivery: sends an event and reads it back, because Klaviyo may drop an event although it answered 202."""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from klaviyo_sink.account.probe import probe_event
from klaviyo_sink.api.client import Accepted, KlaviyoClient
from klaviyo_sink.api.errors import Failure
from klaviyo_sink.bodies import ProfileAttributes
from schemas.outcomes import Later
from schemas.steady_clock import now as steady_now

#: Seconds between two reads.
LOOK_EVERY_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Canary:
    """Sends one event and waits until Klaviyo shows it."""

    client: KlaviyoClient
    metric: str
    now: Callable[[], datetime] = steady_now
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic

    async def run(self, email: str, limit_s: float) -> float | str:
        """Return the seconds until the event was visible, or a sentence that says why it was not."""
        mark = f"canary-{uuid.uuid4().hex}"
        started = self.clock()
        event = probe_event(self.metric, ProfileAttributes(email=email), mark, self.now())
        sent = await self.client.create_event(event, by_profile_id=False)
        if not isinstance(sent, Accepted):
            return sent.message
        while self.clock() - started < limit_s:
            seen = await self._seen(email, mark)
            if seen is True:
                return self.clock() - started
            if not isinstance(seen, bool | Later):
                return seen.message
            await self.sleep(LOOK_EVERY_S)
        return f"accepted, but not visible after {limit_s:g} s"

    async def _seen(self, email: str, mark: str) -> bool | Failure:
        profiles = await self._rows("/api/profiles", f"equals(email,{json.dumps(email)})")
        if not isinstance(profiles, list) or not profiles:
            return False if isinstance(profiles, list) else profiles
        events = await self._rows("/api/events", f"equals(profile_id,{json.dumps(profiles[0]['id'])})")
        if not isinstance(events, list):
            return events
        return any(one["attributes"]["event_properties"].get("upload_id") == mark for one in events)

    async def _rows(self, path: str, wanted: str) -> list[dict[str, Any]] | Failure:
        query = {"filter": wanted} | ({"sort": "-datetime"} if path == "/api/events" else {})
        page = await self.client.call("GET", path, query=query)
        return list(page.content.get("data") or ()) if isinstance(page, Accepted) else page
