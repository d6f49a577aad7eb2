"""
The official schema, closed, accepts our bodies, and every body that the sandbox accepts.

One direction only: the sandbox may refuse more (limits, identifiers) but never accepts what Klaviyo's schema refuses.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from closed_schema import body_judge, load, official_file, operations
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from outfits import tag
from pydantic import ValidationError

from klaviyo_sink.account.campaigns import read_campaigns
from klaviyo_sink.account.erasure import clearing_body, erasure_body
from klaviyo_sink.account.flows import flow_body, live_body, segment_body, segment_change_body, status_body
from klaviyo_sink.bodies import bulk_events_body, bulk_import_body
from klaviyo_sink.delivery.rows import Row
from klaviyo_sink.limits import PUBLISHED
from klaviyo_sink.profile.naming import PropertyNames
from klaviyo_sink.profile.style import StyleProfile, contribution, fold, unique_id
from klaviyo_sink.profile.wording import Wording
from klaviyo_sink.sandbox.access.operations import OPERATIONS
from klaviyo_sink.sandbox.shapes.events import BulkEventsRequest, EventRequest
from klaviyo_sink.sandbox.shapes.flows import FlowRequest, FlowStatusRequest, SegmentRequest, SegmentUpdateRequest
from klaviyo_sink.sandbox.shapes.imports import ImportJobRequest
from klaviyo_sink.sandbox.shapes.profiles import ErasureRequest, ImportRequest
from schemas.events import Engine, Identity, OutfitTagged

OFFICIAL = official_file()
SHAPES = {
    "/api/events": EventRequest,
    "/api/event-bulk-create-jobs": BulkEventsRequest,
    "/api/profile-import": ImportRequest,
    "/api/profile-bulk-import-jobs": ImportJobRequest,
    "/api/data-privacy-deletion-jobs": ErasureRequest,
}


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return load(OFFICIAL)


@pytest.fixture(scope="module")
def judges(spec):
    return {path: body_judge(spec, "POST", path) for path in SHAPES}


identities = st.one_of(
    st.builds(Identity, klaviyo_id=st.from_regex(r"01[0-9A-Z]{24}", fullmatch=True)),
    st.builds(Identity, email=st.just("ada@shop.cn")),
    st.builds(Identity, external_id=st.text("顾客ab-1", min_size=1, max_size=255)),
)
tag_ids = st.sampled_from(["material/cotton", "style/v-neck", "category/t-shirt", "pattern/floral", "fit/relaxed"])
moments = st.datetimes(datetime(2000, 1, 2), datetime(2030, 1, 1), timezones=st.just(UTC))
outfits = st.builds(
    OutfitTagged,
    upload_id=st.text("u上-1", min_size=1, max_size=128),
    shopper_id=st.just("s1"),
    uploaded_at=moments,
    tagged_at=moments,
    backfill=st.booleans(),
    identity=identities,
    tags=st.lists(tag_ids.map(tag), min_size=1).map(tuple),
    lexicon_version=st.just("l"),
    engine=st.just(Engine(name="n", model="m", revision="r")),
)


NAMES_IN_USE = PropertyNames(aliases={"preferred_materials": "materials", "style_tags": "styles"})


def row(outfit: OutfitTagged, **changes: Any) -> Row:
    state = Wording(NAMES_IN_USE).properties(fold(StyleProfile(), [contribution(outfit)]), 1)
    return Row(outfit, unique_id(outfit), state, "Outfit Tagged", outfit.backfill, **changes)


@given(outfit=outfits)
def test_every_event_we_can_send_is_one_the_official_schema_takes(judges, outfit):
    for path, wire in (
        ("/api/events", row(outfit).single()),
        ("/api/event-bulk-create-jobs", bulk_events_body([row(outfit).bulk()] * 2)),
    ):
        judges[path].validate(json.loads(wire))
        SHAPES[path].model_validate_json(wire)


@given(outfit=outfits)
def test_every_profile_we_can_send_is_one_the_official_schema_takes(judges, outfit):
    alone = row(outfit, with_event=False)
    for path, wire in (
        ("/api/profile-import", alone.single()),
        ("/api/profile-bulk-import-jobs", bulk_import_body([alone.bulk()] * 2)),
    ):
        judges[path].validate(json.loads(wire))
        SHAPES[path].model_validate_json(wire)


#: A valid body for each path, with every kind of field.
VALID = json.loads(Path(__file__).with_name("examples.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SHAPES)
def test_the_examples_that_are_mutated_are_valid_to_both(judges, path):
    judges[path].validate(VALID[path])
    SHAPES[path].model_validate(VALID[path])


def objects_in(node: Any) -> list[Any]:
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    found = [one for value in inner for one in objects_in(value)]
    return [node, *found] if isinstance(node, dict) else found


# As JSON text, since a drawn list or object is itself mutated later.
STRANGE = st.sampled_from(
    ["null", "true", "0", "1", "1.5", '""', '"x"', "[]", '["x"]', "[null]", "{}", '{"x": 1}', '{"data": []}']
).map(json.loads)
NAMES = sorted(
    {name for body in VALID.values() for one in objects_in(body) for name in one} | {"preferred_materials", "$email"}
)


@st.composite
def mutated(draw: st.DrawFn, body: dict[str, Any]) -> dict[str, Any]:
    """Drop, misplace, retype and invent keys anywhere in a valid body, one to three times."""
    body = json.loads(json.dumps(body))
    for _ in range(draw(st.integers(1, 3))):
        places = [one for one in objects_in(body) if one]
        assume(places)
        place = draw(st.sampled_from(places))
        key = draw(st.sampled_from(sorted(place)))
        match draw(st.sampled_from(["drop", "misplace", "retype", "invent"])):
            case "drop":
                del place[key]
            case "misplace":
                draw(st.sampled_from(objects_in(body)))[key] = json.loads(json.dumps(place.pop(key)))
            case "retype":
                place[key] = draw(STRANGE)
            case _:
                place[draw(st.sampled_from(NAMES))] = draw(STRANGE)
    return body


@settings(max_examples=400, deadline=None)
@given(path=st.sampled_from(sorted(SHAPES)), data=st.data())
def test_the_official_schema_accepts_every_body_that_the_sandbox_accepts(judges, path, data):
    body = data.draw(mutated(VALID[path]))
    try:
        SHAPES[path].model_validate(body)
    except ValidationError:
        event("refused by the sandbox")
        return
    event("accepted by the sandbox")
    judges[path].validate(body)


@settings(max_examples=400, deadline=None)
@given(path=st.sampled_from(sorted(SHAPES)), data=st.data())
def test_every_body_that_the_official_schema_accepts_has_a_known_shape(judges, path, data):
    body = data.draw(mutated(VALID[path]))
    if judges[path].is_valid(body):
        SHAPES[path].model_validate(body)


def test_the_closed_schema_refuses_what_klaviyo_would_drop_in_silence(judges):
    for path, where in (("/api/events", ("data", "attributes")), ("/api/profile-import", ("data",))):
        body = json.loads(json.dumps(VALID[path]))
        place = body
        for step in where:
            place = place[step]
        place["preferred_materials"] = ["cotton"]
        assert not judges[path].is_valid(body)


def test_limits_and_scopes_of_the_sandbox_are_the_published_ones(spec):
    published = operations(spec)
    for (method, path), official in published.items():
        ours = OPERATIONS[method, path]
        limits = official["x-klaviyo-ratelimit"]
        assert (f"{ours.burst}/s", f"{ours.steady}/m") == (limits["burst"], limits["steady"]), path
        assert ours.scopes == set(official["x-klaviyo-scopes"]), path


@pytest.mark.parametrize("orders", [None, "ORDERS"])
@pytest.mark.parametrize(
    "tags",
    [
        ("category/t-shirt",),
        ("category/dress", "interest/vacation"),
        ("interest/vacation",),
        ("category/dress", "material/cotton"),
    ],
)
def test_segments_flows_and_erasures_that_we_send_are_ones_the_official_schema_takes(spec, orders, tags):
    [campaign] = read_campaigns(None)
    campaign = campaign.model_copy(update={"tags": tags})
    segment = segment_body(campaign, NAMES_IN_USE, orders, metric="METRIC")
    for method, path, wire, shape in (
        ("POST", "/api/segments", segment, SegmentRequest),
        ("PATCH", "/api/segments/{id}", segment_change_body("abc", segment), SegmentUpdateRequest),
        ("PATCH", "/api/flows/{id}", status_body("abc", "draft"), FlowStatusRequest),
        ("POST", "/api/flows", flow_body(campaign, NAMES_IN_USE, "METRIC", orders), FlowRequest),
        ("PATCH", "/api/flows/{id}", live_body("abc"), FlowStatusRequest),
        ("POST", "/api/data-privacy-deletion-jobs", erasure_body("id", "01A"), ErasureRequest),
        ("POST", "/api/data-privacy-deletion-jobs", erasure_body("email", "a@shop.cn"), ErasureRequest),
        ("POST", "/api/profile-import", clearing_body("01A", NAMES_IN_USE.every), ImportRequest),
    ):
        judge = body_judge(spec, method, path)
        body = json.loads(wire)
        judge.validate(body)
        shape.model_validate(body)
        body["data"]["attributes"]["preferred_materials"] = 1
        assert not judge.is_valid(body)


def test_the_limits_that_the_sink_keeps_are_the_published_ones(spec):
    published = operations(spec)
    for operation, ours in PUBLISHED.items():
        limits = published[tuple(operation.split(" "))]["x-klaviyo-ratelimit"]
        assert (f"{ours[0]}/s", f"{ours[1]}/m") == (limits["burst"], limits["steady"]), operation
