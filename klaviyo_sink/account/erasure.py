"""
Asks Klaviyo to erase a shopper, or to remove from the profile what we wrote there.

For use after `state.forgetting.forget`. A profile is looked up first and then named by its id, so that whoever asks
knows which other identifiers go with it. Erasing takes a key of its own with data-privacy:write and profiles:read; it
is asynchronous and irreversible at Klaviyo, without a status to ask for. Removing properties takes profiles:read and
profiles:write, which the key of the sync stage has.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

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


@dataclass(frozen=True, slots=True)
class KnownProfile:
    """A profile as Klaviyo has it: its id, and every identifier it answers to (its id among them)."""

    id: str
    names: frozenset[tuple[str, str]] = field(repr=False)


def erasure_body(name: str, value: str) -> bytes:
    """Write `POST /api/data-privacy-deletion-jobs` for an `id` or an `email`."""
    attributes = ErasedAttributes(email=value if name == "email" else None)
    profile = ErasedProfile(id=value if name == "id" else None, attributes=attributes)
    return ErasureBody(data=Erasure(attributes=ErasureAttributes(profile=ErasedProfileData(data=profile)))).wire()


def clearing_body(profile_id: str, properties: Sequence[str]) -> bytes:
    """Write `POST /api/profile-import` so that a profile loses these properties."""
    meta = Meta(patch_properties=PatchProperties(unset=tuple(properties)))
    return ClearingBody(data=ClearedProfile(id=profile_id, meta=meta)).wire()


async def look_up(client: KlaviyoClient, name: str, value: str) -> KnownProfile | Failure | None:
    """Find the profile that an identifier (`id`, `email` or `external_id`) names; None when there is none."""
    query = {"filter": f"equals({name},{json.dumps(value, ensure_ascii=False)})"}
    found = await client.call("GET", "/api/profiles", query=query)
    if not isinstance(found, Accepted):
        return found
    rows = found.content.get("data") or ()
    if not rows:
        return None
    attributes = rows[0].get("attributes") or {}
    names = {("id", str(rows[0]["id"]))}
    names |= {(kind, str(attributes[kind])) for kind in ("email", "external_id") if attributes.get(kind)}
    return KnownProfile(str(rows[0]["id"]), frozenset(names))


async def erase_profile(client: KlaviyoClient, profile_id: str) -> Failure | None:
    """Ask Klaviyo to erase a profile; None once Klaviyo has taken the request."""
    answer = await client.call(
        "POST", "/api/data-privacy-deletion-jobs", body=erasure_body("id", profile_id), by_profile_id=True
    )
    return None if isinstance(answer, Accepted) else answer


async def clear_profile(client: KlaviyoClient, profile_id: str, properties: Sequence[str]) -> Failure | None:
    """Remove properties from a profile and leave the rest of it; None once that is done."""
    answer = await client.import_profile(clearing_body(profile_id, properties), by_profile_id=True)
    return None if isinstance(answer, Accepted) else answer
