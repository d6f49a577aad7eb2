"""
Asks Klaviyo to erase a profile, or to remove Hangtag's properties from it.

Call it after `state.forgetting.forget`. A profile is looked up first and then addressed by its id, so that the caller
knows which other identifiers it has. Erasing needs a key with data-privacy:write and profiles:read. At Klaviyo it is
asynchronous and irreversible, and has no status to query. Removing properties needs profiles:read and profiles:write,
which the sync stage's key has.
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
    """A profile at Klaviyo: its id, and all of its identifiers (its id included)."""

    id: str
    names: frozenset[tuple[str, str]] = field(repr=False)


def erasure_body(name: str, value: str) -> bytes:
    """Return the body of `POST /api/data-privacy-deletion-jobs` for an `id` or an `email`."""
    attributes = ErasedAttributes(email=value if name == "email" else None)
    profile = ErasedProfile(id=value if name == "id" else None, attributes=attributes)
    return ErasureBody(data=Erasure(attributes=ErasureAttributes(profile=ErasedProfileData(data=profile)))).wire()


def clearing_body(profile_id: str, properties: Sequence[str]) -> bytes:
    """Return the body of `POST /api/profile-import` that removes these properties from a profile."""
    meta = Meta(patch_properties=PatchProperties(unset=tuple(properties)))
    return ClearingBody(data=ClearedProfile(id=profile_id, meta=meta)).wire()


async def look_up(client: KlaviyoClient, name: str, value: str) -> KnownProfile | Failure | None:
    """Find the profile with an identifier (`id`, `email` or `external_id`); None if there is none."""
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
    """Ask Klaviyo to erase a profile. Return None when Klaviyo has accepted the request."""
    answer = await client.call(
        "POST", "/api/data-privacy-deletion-jobs", body=erasure_body("id", profile_id), by_profile_id=True
    )
    return None if isinstance(answer, Accepted) else answer


async def clear_profile(client: KlaviyoClient, profile_id: str, properties: Sequence[str]) -> Failure | None:
    """Remove properties from a profile and keep the rest. Return None when that is done."""
    answer = await client.import_profile(clearing_body(profile_id, properties), by_profile_id=True)
    return None if isinstance(answer, Accepted) else answer
