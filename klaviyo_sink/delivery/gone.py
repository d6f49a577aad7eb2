"""
Profile ids that Klaviyo no longer knows (merged or deleted). A single 404 is not enough: the id is looked up twice
more.

A confirmed id is remembered for an hour, so that it costs one failed request instead of one per upload.
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
#: Number of look-ups, and the seconds before each.
LOOKS: Final = 2
LOOK_AFTER_S: Final = 0.3
#: Most ids remembered, and for how many seconds.
MOST: Final = 10_000
REMEMBERED_S: Final = 3600.0

STILL_THERE: Final = Later("profile-not-found-once", "Klaviyo denied a profile id and then found it; sending again")


class GoneProfiles:
    """Finds out whether a profile id no longer exists."""

    def __init__(
        self, client: KlaviyoClient, budget: Budget, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._client, self._budget, self._sleep = client, budget, sleep
        #: When each entry expires, by the event loop's clock.
        self._gone: OrderedDict[str, float] = OrderedDict()

    def remembers(self, profile_id: str) -> bool:
        """Return whether an id was confirmed as gone within the last hour."""
        return self._gone.get(profile_id, 0.0) > asyncio.get_running_loop().time()

    async def confirm(self, profile_id: str) -> Failure | None:
        """Look up a profile that a write did not find. Return None if it is gone."""
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
