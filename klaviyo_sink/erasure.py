"""
Asks Klaviyo to erase a shopper: by exactly one of Klaviyo's id and the e-mail address, which is all it takes.

For use after `Sink.forget`, under a key of its own with data-privacy:write (and profiles:read, where the shop's own id
is all there is). Asynchronous and irreversible at Klaviyo, without a status to ask for.
"""

import json

from klaviyo_sink.bodies import (
    ErasedAttributes,
    ErasedProfile,
    ErasedProfileData,
    Erasure,
    ErasureAttributes,
    ErasureBody,
)
from klaviyo_sink.client import Accepted, KlaviyoClient
from klaviyo_sink.errors import Failure
from klaviyo_sink.profile import identifiers
from schemas.events import Identity


def erasure_body(name: str, value: str) -> bytes:
    """Write `POST /api/data-privacy-deletion-jobs` for an `id` or an `email`."""
    attributes = ErasedAttributes(email=value if name == "email" else None)
    profile = ErasedProfile(id=value if name == "id" else None, attributes=attributes)
    return ErasureBody(data=Erasure(attributes=ErasureAttributes(profile=ErasedProfileData(data=profile)))).wire()


async def erase(client: KlaviyoClient, identity: Identity) -> bool | Failure:
    """Ask for the erasure; False when Klaviyo knows no such shopper."""
    name, value = identifiers(identity)[0]
    if name == "external_id":
        query = {"filter": f"equals(external_id,{json.dumps(value, ensure_ascii=False)})"}
        found = await client.call("GET", "/api/profiles", query=query)
        if not isinstance(found, Accepted):
            return found
        rows = found.content.get("data") or ()
        if not rows:
            return False
        name, value = "id", str(rows[0]["id"])
    answer = await client.call(
        "POST", "/api/data-privacy-deletion-jobs", body=erasure_body(name, value), by_profile_id=name == "id"
    )
    return True if isinstance(answer, Accepted) else answer
