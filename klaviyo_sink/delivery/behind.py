"""
Detects that the state database is behind Klaviyo, as after restoring an old backup.

A write from such a state would remove what newer uploads added to a profile. Klaviyo keeps the last written version as
a property. So the first few shoppers after opening that were written before are compared with Klaviyo.

Several shoppers may share one profile, for example by one e-mail address. It then has the version of the shopper who
was written last, which says nothing about the others.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from klaviyo_sink.api.client import Accepted, KlaviyoClient
from klaviyo_sink.api.errors import Failure
from klaviyo_sink.budget import Budget
from klaviyo_sink.delivery.imports import FindCurrent
from klaviyo_sink.profile.naming import PropertyNames
from klaviyo_sink.profile.style import identifiers
from schemas.events import OutfitTagged
from schemas.outcomes import Later, Misconfigured

PROFILES: Final = "/api/profiles"
#: Shoppers to compare each time the database is opened.
COMPARED: Final = 10

BEHIND: Final = Misconfigured(
    "state-behind",
    "Klaviyo's profiles are newer than the state database: was an old backup restored? Run `hangtag klaviyo reconcile`"
    " (docs/operations.md)",
)


#: Returns whether any shopper's row has this version and this time of its newest upload.
IsOurs = Callable[[int, str], Awaitable[bool]]


class BehindCheck:
    """Compares versions until enough shoppers agree."""

    def __init__(
        self, client: KlaviyoClient, budget: Budget, find_current: FindCurrent, is_ours: IsOurs, names: PropertyNames
    ) -> None:
        self._client, self._budget, self._find_current, self._is_ours = client, budget, find_current, is_ours
        self._names = names
        self._left = COMPARED

    async def compare(self, events: Iterable[OutfitTagged]) -> Misconfigured | None:
        """Compare the events' shoppers who were written before, until enough shoppers agreed."""
        for event in events:
            if self._left <= 0:
                return None
            theirs = await self._newest_at_klaviyo(event)
            if isinstance(theirs, Later):
                return None
            if not isinstance(theirs, Mapping):
                # The key may lack the scope for reading, for example. The writes report any other problem.
                self._left = 0
                return None
            # Read our version after Klaviyo's, because another process may have written in between.
            ours = (await self._find_current({event.shopper_id})).get(event.shopper_id)
            version = version_of(theirs, self._names.version)
            if ours is not None and version > ours.version and not await self._is_another_shoppers(theirs, version):
                return BEHIND
            self._left -= 1
        return None

    async def _is_another_shoppers(self, profile: Mapping[str, Any], version: int) -> bool:
        """Return whether the row of a shopper who shares the profile explains its version."""
        updated_at = profile["attributes"]["properties"].get(self._names.updated_at)
        return isinstance(updated_at, str) and await self._is_ours(version, updated_at)

    async def _newest_at_klaviyo(self, event: OutfitTagged) -> Mapping[str, Any] | Failure:
        """Look a shopper up by each identifier and return the profile with the highest version."""
        profiles: list[Mapping[str, Any]] = [{"attributes": {}}]
        for name, value in identifiers(event.identity):
            await self._budget.wait(f"GET {PROFILES}")
            query = {"filter": f"equals({name},{json.dumps(value, ensure_ascii=False)})"}
            found = await self._client.call("GET", PROFILES, query=query)
            if not isinstance(found, Accepted):
                return found
            profiles += found.content["data"]
        return max(profiles, key=lambda one: version_of(one, self._names.version))


def version_of(profile: Mapping[str, Any], version_property: str) -> int:
    """Return the version that was written to a profile last; 0 if there is none."""
    properties = profile["attributes"].get("properties") or {}
    version = properties.get(version_property) if isinstance(properties, Mapping) else None
    return version if isinstance(version, int) else 0
