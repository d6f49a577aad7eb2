"""
Asks Klaviyo to erase a shopper, or to remove from the profile what we wrote there.

For use after `Sink.forget`. Erasing takes a key of its own with data-privacy:write, by exactly one of Klaviyo's id and
the e-mail address, and profiles:read where the shop's own id is all there is. It is asynchronous and irreversible at
Klaviyo, without a status to ask for. Removing takes profiles:read and profiles:write, as the sync stage has.
"""

import json
from collections.abc import Sequence

from klaviyo_sink.api.client import Accepted, KlaviyoClient
from klaviyo_sink.api.errors import Failure
from klaviyo_sink.bodies import (
    ClearedProfile,
    ClearingBody,
    ErasedAttributes,
    ErasedProfile,
    ErasedProfileData,
    Erasure,
    ErasureAttributes,
    ErasureBody,
    Meta,
    PatchProperties,
)
from klaviyo_sink.profile.style import identifiers
from schemas.events import Identity


def erasure_body(name: str, value: str) -> bytes:
    """Write `POST /api/data-privacy-deletion-jobs` for an `id` or an `email`."""
    attributes = ErasedAttributes(email=value if name == "email" else None)
    profile = ErasedProfile(id=value if name == "id" else None, attributes=attributes)
    return ErasureBody(data=Erasure(attributes=ErasureAttributes(profile=ErasedProfileData(data=profile)))).wire()


def clearing_body(profile_id: str, properties: Sequence[str]) -> bytes:
    """Write `POST /api/profile-import` so that a profile loses these properties."""
    meta = Meta(patch_properties=PatchProperties(unset=tuple(properties)))
    return ClearingBody(data=ClearedProfile(id=profile_id, meta=meta)).wire()


async def erase(client: KlaviyoClient, identity: Identity) -> bool | Failure:
    """Ask for the erasure; False when Klaviyo knows no such shopper."""
    name, value = identifiers(identity)[0]
    if name == "external_id":
        found = await _profile_id(client, name, value)
        if not isinstance(found, str):
            return found
        name, value = "id", found
    answer = await client.call(
        "POST", "/api/data-privacy-deletion-jobs", body=erasure_body(name, value), by_profile_id=name == "id"
    )
    return True if isinstance(answer, Accepted) else answer


async def clear(client: KlaviyoClient, identity: Identity, properties: Sequence[str]) -> bool | Failure:
    """Remove properties from the shopper's profile, and leave the rest of it; False when there is none."""
    # Looked up first, for an import under a name that is not there would make a profile.
    found = await _profile_id(client, *identifiers(identity)[0])
    if not isinstance(found, str):
        return found
    answer = await client.import_profile(clearing_body(found, properties), by_profile_id=True)
    return True if isinstance(answer, Accepted) else answer


async def _profile_id(client: KlaviyoClient, name: str, value: str) -> str | Failure | bool:
    """Look up Klaviyo's id of the profile that an identifier names; False when there is none."""
    query = {"filter": f"equals({name},{json.dumps(value, ensure_ascii=False)})"}
    found = await client.call("GET", "/api/profiles", query=query)
    if not isinstance(found, Accepted):
        return found
    rows = found.content.get("data") or ()
    return str(rows[0]["id"]) if rows else False
