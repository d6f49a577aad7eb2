"""
Every body we build is read by the official SDK's models, and what they know of it comes back unchanged.

A weak judge, hence a second one: the models drop keys they do not know without a word (the last test shows it), so
only what survives says anything. The closed official schema (test_bodies.py) is the strict one. Only the
modules of these models are loaded; the client itself takes seconds.
"""

import json
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from outfits import outfit

from klaviyo_sink.account.campaigns import read_campaigns
from klaviyo_sink.account.erasure import erasure_body
from klaviyo_sink.account.flows import flow_body, live_body, segment_body
from klaviyo_sink.account.probe import probe_event
from klaviyo_sink.bodies import ProfileAttributes, bulk_events_body, bulk_import_body
from klaviyo_sink.delivery.rows import Row
from klaviyo_sink.profile.naming import PropertyNames
from schemas.events import Identity

# A development dependency that users of a wheel under test need not have; its absence says nothing about our bodies.
pytest.importorskip("openapi_client", reason="the official SDK (klaviyo-api) is not installed")

AT = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
IDENTITIES = {
    "id": Identity(klaviyo_id="01HXYZ"),
    "email": Identity(email="ada@shop.cn"),
    "external_id": Identity(external_id="顾客-1"),
}
STATE = {"outfit_materials": ("cotton", "silk"), "outfit_styles": (), "outfit_version": 3, "outfit_updated_at": "x"}


def row(identity: Identity, *, with_event: bool = True) -> Row:
    tagged = outfit("上传-1", uploaded_at=AT, identity=identity)
    return Row(tagged, "a" * 64, dict(STATE), "Outfit Tagged", backfill=True, with_event=with_event)


def bodies() -> dict[str, tuple[str, bytes]]:
    """Return every body that can leave the process, with the SDK's module for it."""
    [campaign] = read_campaigns(None)
    of_interest = campaign.model_copy(update={"tags": ("interest/sustainable",)})
    names = PropertyNames(aliases={"preferred_materials": "materials"})
    found = {
        "segment": ("segment_create_query", segment_body(campaign, names, "ORDERS")),
        "segment without orders": ("segment_create_query", segment_body(campaign, names, None)),
        "flow": ("flow_create_query", flow_body(campaign, names, "METRIC", "ORDERS")),
        "flow on an interest": ("flow_create_query", flow_body(of_interest, names, "METRIC", "ORDERS")),
        "live": ("flow_update_query", live_body("abc")),
        "erasure by id": ("data_privacy_create_deletion_job_query", erasure_body("id", "01A")),
        "erasure by email": ("data_privacy_create_deletion_job_query", erasure_body("email", "ada@shop.cn")),
        "probe": ("event_create_query_v2", probe_event("M", ProfileAttributes(email="ada@shop.cn"), "mark", AT)),
    }
    for name, identity in IDENTITIES.items():
        alone = row(identity, with_event=False)
        found[f"event by {name}"] = ("event_create_query_v2", row(identity).single())
        found[f"events by {name}"] = ("events_bulk_create_job", bulk_events_body([row(identity).bulk()] * 2))
        found[f"import by {name}"] = ("profile_upsert_query", alone.single())
        found[f"imports by {name}"] = ("profile_import_job_create_query", bulk_import_body([alone.bulk()] * 2))
    return found


BODIES = bodies()


def model(module: str) -> Any:
    """Load the model that a module of the SDK is named after."""
    return getattr(import_module(f"openapi_client.models.{module}"), module.title().replace("_", ""))


def lost(ours: Any, theirs: Any, place: str = "") -> list[str]:
    """Return the fields that we send and the model does not have."""
    if isinstance(ours, dict):
        found = theirs if isinstance(theirs, dict) else {}
        return [one for name, value in ours.items() for one in lost(value, found.get(name), f"{place}/{name}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [one for at, (mine, other) in pairs for one in lost(mine, other, f"{place}/{at}")]
    if isinstance(theirs, datetime):
        theirs = theirs.strftime("%Y-%m-%dT%H:%M:%SZ")
    return [] if ours == theirs else [place]


@pytest.mark.parametrize("name", BODIES)
def test_the_sdk_reads_it_whole(name):
    kind, wire = BODIES[name]
    ours = json.loads(wire)
    assert lost(ours, model(kind).model_validate(ours).to_dict()) == []


def test_the_sdk_forgives_a_misplaced_key_and_so_proves_little():
    kind, wire = BODIES["event by email"]
    ours = json.loads(wire)
    ours["data"]["preferred_materials"] = ["cotton"]
    assert lost(ours, model(kind).model_validate(ours).to_dict()) == ["/data/preferred_materials"]
