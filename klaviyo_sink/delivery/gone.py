"""
Profile ids that Klaviyo no longer knows (merged or deleted). One 404 is no proof: it is confirmed by looking twice.

A confirmed id is remembered for an hour, so that it costs one failed request and not one each time.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from klaviyo_sink.api.client import Accepted, KlaviyoClient
from klaviyo_sink.api.errors import PROFILE_NOT_FOUND, Failure
from klaviyo_sink.budget import Budget
from schemas.outcomes import Later, Never

PROFILE: Final = "/api/profiles/{id}"
#: Times a profile is looked for, and the seconds before each look.
LOOKS: Final = 2
LOOK_AFTER_S: Final = 0.3
#: Ids that are remembered, and for how many seconds.
MOST: Final = 10_000
REMEMBERED_S: Final = 3600.0

STILL_THERE: Final = Later("profile-not-found-once", "Klaviyo denied a profile id and then found it; sent again")


class GoneProfiles:
    """Finds out whether a profile id is gone for good."""

    def __init__(
        self, client: KlaviyoClient, budget: Budget, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._client, self._budget, self._sleep = client, budget, sleep
        #: When to stop believing it, by the event loop's clock.
        self._gone: OrderedDict[str, float] = OrderedDict()

    def remembers(self, profile_id: str) -> bool:
        """Tell whether an id was confirmed to be gone within the hour."""
        return self._gone.get(profile_id, 0.0) > asyncio.get_running_loop().time()

    async def confirm(self, profile_id: str) -> Failure | None:
        """Look for a profile that a write did not find; None: it is gone, by now for certain."""
        for _ in range(LOOKS):
            await self._sleep(LOOK_AFTER_S)
            await self._budget.wait(f"GET {PROFILE}")
            seen = await self._client.call("GET", PROFILE, names={"id": profile_id}, by_profile_id=True)
            if isinstance(seen, Accepted):
                return STILL_THERE
            if not (isinstance(seen, Never) and seen.reason == PROFILE_NOT_FOUND):
                return seen
        self._gone[profile_id] = asyncio.get_running_loop().time() + REMEMBERED_S
        if len(self._gone) > MOST:
            self._gone.popitem(last=False)
        return None
