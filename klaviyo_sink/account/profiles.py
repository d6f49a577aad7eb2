"""Looks up the profiles of many shoppers, a hundred per request."""

import json
from collections.abc import Iterable
from typing import Any, Final

from klaviyo_sink.account.steps import Calls
from klaviyo_sink.profile.style import identifiers
from schemas.events import OutfitTagged

#: Profiles per page (openapi 2026-07-15).
PAGE: Final = 100


async def find_profiles(calls: Calls, events: Iterable[OutfitTagged]) -> dict[str, dict[str, Any]]:
    """
    Return the profiles of the events' shoppers by shopper, without shoppers that Klaviyo does not know.

    Raises:
        SetupError: Klaviyo refused, or did not respond.

    """
    shoppers: dict[tuple[str, str], str] = {}
    for event in events:
        shoppers |= dict.fromkeys(identifiers(event.identity), event.shopper_id)
    found: dict[str, dict[str, Any]] = {}
    for kind in ("external_id", "email", "id"):
        every = sorted(value for name, value in shoppers if name == kind)
        for values in (every[first : first + PAGE] for first in range(0, len(every), PAGE)):
            wanted = f"any({kind},{json.dumps(values, ensure_ascii=False)})"
            for row in await calls.all("/api/profiles", {"filter": wanted, "page[size]": str(PAGE)}):
                value = row["id"] if kind == "id" else row["attributes"].get(kind)
                shopper_id = shoppers.get((kind, str(value)))
                if shopper_id is not None:
                    found[shopper_id] = row
    return found
