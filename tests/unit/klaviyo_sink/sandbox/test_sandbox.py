"""The sandbox refuses what Klaviyo refuses, and does what Klaviyo does."""

import json
from typing import Any

import httpx
import pytest

from klaviyo_sink.sandbox.app import create_app

KEY = "pk_local"
HEADERS = {
    "Authorization": f"Klaviyo-API-Key {KEY}",
    "revision": "2026-07-15",
    "content-type": "application/vnd.api+json",
    "accept": "application/vnd.api+json",
}


@pytest.fixture
async def api(clock):
    transport = httpx.ASGITransport(create_app(KEY, now=clock.now, clock=clock.monotonic))
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox", headers=HEADERS) as api:
        yield api


def event(unique_id="x1", *, profile=None, attributes=None, **more: Any):
    named = {"type": "profile", "attributes": {"external_id": "s1"}} if profile is None else profile
    return {
        "data": {
            "type": "event",
            "attributes": {
                "metric": {"data": {"type": "metric", "attributes": {"name": "Outfit Tagged"}}},
                "unique_id": unique_id,
                "properties": {"materials": ["cotton"]},
                "profile": {"data": named},
                **(attributes or {}),
            },
            **more,
        }
    }


def bulk(*events: dict[str, Any]):
    entries = []
    for one in events:
        attributes = dict(one["data"]["attributes"])
        profile = attributes.pop("profile")
        entries.append(
            {
                "type": "event-bulk-create",
                "attributes": {"profile": profile, "events": {"data": [{"type": "event", "attributes": attributes}]}},
            }
        )
    return {"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": entries}}}}


def profile(meta=None, **attributes: Any):
    return {"data": {"type": "profile", "attributes": attributes, **({} if meta is None else {"meta": meta})}}


def problem(answer):
    [one] = answer.json()["errors"]
    assert one["status"] == answer.status_code
    return one


async def state(api):
    return (await api.get("/sandbox/state")).json()


@pytest.mark.parametrize(
    ("header", "value", "status", "code"),
    [
        ("Authorization", None, 401, "not_authenticated"),
        ("Authorization", f"Bearer {KEY}", 401, "not_authenticated"),
        ("Authorization", "Klaviyo-API-Key pk_other", 401, "authentication_failed"),
        ("revision", None, 404, "not_found"),
        ("revision", "2024-05-14", 404, "not_found"),
        ("revision", "2024-05-15", 410, "gone"),
        ("revision", "2026-04-15", 501, "not_implemented"),
        ("content-type", "text/plain", 415, "unsupported_media_type"),
        ("content-type", None, 415, "unsupported_media_type"),
        ("content-encoding", "gzip", 415, "unsupported_media_type"),
    ],
)
async def test_a_request_without_its_papers_is_turned_away(api, header, value, status, code):
    headers = {name: text for name, text in HEADERS.items() if name != header} | ({header: value} if value else {})
    api.headers = headers
    answer = await api.post("/api/events", content=json.dumps(event()))
    assert answer.status_code == status
    assert problem(answer)["code"] == code
    assert (await state(api))["events"] == []


async def test_a_key_without_the_scope_is_forbidden(clock):
    app = create_app(KEY, scopes=frozenset({"profiles:write"}), now=clock.now)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x", headers=HEADERS) as api:
        assert problem(await api.post("/api/events", json=event(), headers=HEADERS))["code"] == "permission_denied"


@pytest.mark.parametrize("call", [("PATCH", "/api/profiles/"), ("POST", "/api/shoes"), ("DELETE", "/api/events")])
async def test_an_unknown_path_is_refused_in_klaviyos_form(api, call):
    answer = await api.request(*call, json={}, headers=HEADERS)
    assert answer.status_code in {404, 405}
    assert problem(answer)["code"] in {"not_found", "method_not_allowed"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (event(attributes={"outfit": 1}), "/data/attributes/outfit"),
        (event(properties={}), "/data/properties"),
        (event(attributes={"time": "yesterday"}), "/data/attributes/time"),
        (event(attributes={"time": "1999-12-31T00:00:00Z"}), "/data/attributes/time"),
        (event(attributes={"unique_id": "x" * 256}), "/data/attributes/unique_id"),
        (event(attributes={"properties": {f"p{i}": 1 for i in range(401)}}), "/data/attributes/properties"),
        (event(attributes={"properties": {"a": [0] * 4001}}), "/data/attributes/properties"),
        (event(attributes={"value": "12"}), "/data/attributes/value"),
        (event(profile={"type": "profile", "attributes": {}}), "/data/attributes/profile/data/attributes"),
        (event(profile={"type": "profile"}), "/data/attributes/profile/data/attributes"),
        (
            event(profile={"type": "profile", "attributes": {"email": "nobody"}}),
            "/data/attributes/profile/data/attributes/email",
        ),
        (
            event(profile={"type": "profile", "attributes": {"external_id": "s"}, "meta": {}}),
            "/data/attributes/profile/data/meta",
        ),
    ],
)
async def test_a_body_of_the_wrong_shape_is_refused_with_a_pointer(api, body, pointer):
    answer = await api.post("/api/events", json=body, headers=HEADERS)
    assert answer.status_code == 400
    assert problem(answer)["source"]["pointer"] == pointer


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'{"data": NaN}', b"\xff", b"[" * 100_000])
async def test_no_bytes_break_the_sandbox(api, raw):
    assert (await api.post("/api/events", content=raw)).status_code == 400


async def test_five_megabytes_are_too_much(api):
    assert (await api.post("/api/events", content=b" " * 5_000_001)).status_code == 413


async def test_a_repeated_unique_id_is_dropped_alone_and_refuses_a_whole_bulk_job(api):
    for _ in range(2):
        assert (await api.post("/api/events", json=event("x1"), headers=HEADERS)).status_code == 202
    for job in (bulk(event("x2"), event("x1")), bulk(event("x3"), event("x3"))):
        answer = await api.post("/api/event-bulk-create-jobs", json=job, headers=HEADERS)
        assert answer.status_code == 400
        assert problem(answer)["source"]["pointer"].startswith("/data/attributes/events-bulk-create/data/1/")
    good = bulk(event("x2"), event("x3"))
    assert (await api.post("/api/event-bulk-create-jobs", json=good, headers=HEADERS)).status_code == 202
    assert [one["unique_id"] for one in (await state(api))["events"]] == ["x1", "x2", "x3"]


async def test_one_bad_event_refuses_its_whole_bulk_job(api):
    bad = event("b", profile={"type": "profile", "attributes": {"email": "nobody"}})
    answer = await api.post("/api/event-bulk-create-jobs", json=bulk(event("a"), bad), headers=HEADERS)
    assert problem(answer)["source"]["pointer"].endswith("/data/1/attributes/profile/data/attributes/email")
    assert (await state(api))["events"] == []


async def test_without_a_unique_id_the_second_counts(api):
    one = event(attributes={"unique_id": None, "time": "2026-11-22T08:00:00.900Z"})
    two = event(attributes={"unique_id": None, "time": "2026-11-22T08:00:00.100Z"})
    for body in (one, two):
        await api.post("/api/events", json=body, headers=HEADERS)
    assert len((await state(api))["events"]) == 1


async def test_events_of_test_domains_are_accepted_and_vanish(api):
    body = event(profile={"type": "profile", "attributes": {"email": "ada@example.com"}})
    assert (await api.post("/api/events", json=body, headers=HEADERS)).status_code == 202
    now = await state(api)
    assert (now["events"], now["profiles"]) == ([], [])
    assert now["counters"]["events_of_test_domains_dropped"] == 1


async def test_a_profile_merges_by_key_replaces_lists_whole_and_null_clears(api):
    first = profile(email="a@b.cn", first_name="Ada", properties={"kept": 1, "list": ["a", "b"], "gone": 2})
    assert (await api.post("/api/profile-import", json=first, headers=HEADERS)).status_code == 201
    second = profile(email="a@b.cn", first_name=None, properties={"list": ["c"], "gone": None})
    answer = await api.post("/api/profile-import", json=second, headers=HEADERS)
    assert answer.status_code == 200
    assert answer.json()["data"]["attributes"]["properties"] == {"kept": 1, "list": ["c"]}
    assert answer.json()["data"]["attributes"]["first_name"] is None


async def test_patches_append_remove_and_unset(api):
    await api.post(
        "/api/profile-import", json=profile(email="a@b.cn", properties={"l": ["a"], "u": 1}), headers=HEADERS
    )
    meta = {"patch_properties": {"append": {"l": "b", "new": "n"}, "unappend": {"l": "a"}, "unset": "u"}}
    answer = await api.post("/api/profile-import", json=profile(meta, email="a@b.cn"), headers=HEADERS)
    assert answer.json()["data"]["attributes"]["properties"] == {"l": ["b"], "new": ["n"]}


async def test_identifiers_of_two_profiles_conflict(api):
    for one in (profile(email="a@b.cn"), profile(phone_number="+8613800000000")):
        await api.post("/api/profile-import", json=one, headers=HEADERS)
    answer = await api.post(
        "/api/profile-import", json=profile(email="a@b.cn", phone_number="+8613800000000"), headers=HEADERS
    )
    assert answer.status_code == 409
    assert problem(answer)["meta"]["duplicate_profile_id"] in {one["id"] for one in (await state(api))["profiles"]}


async def test_written_objects_can_be_found_and_read_in_pages(api):
    for i in range(5):
        await api.post("/api/events", json=event(f"x{i}"), headers=HEADERS)
    [found] = (await api.get("/api/profiles", params={"filter": 'equals(external_id,"s1")'})).json()["data"]
    one = (await api.get(f"/api/profiles/{found['id']}")).json()["data"]
    assert one == found
    [metric] = (await api.get("/api/metrics")).json()["data"]
    assert metric["attributes"]["name"] == "Outfit Tagged"
    params = {"filter": f'equals(metric_id,"{metric["id"]}")', "page[size]": "2"}
    sizes, link = [], str(httpx.URL("http://sandbox/api/events", params=params))
    while link:
        page = (await api.get(link)).json()
        sizes.append(len(page["data"]))
        link = page["links"]["next"]
    assert sizes == [2, 2, 1]
    assert (await api.get("/api/profiles/nobody")).status_code == 404
    assert (await api.get("/api/events", params={"filter": "less-than(x,1)"})).status_code == 400


async def test_deletion_takes_exactly_one_identifier_and_takes_everything(api):
    def erase(**data: Any):
        whom = {"type": "profile", "attributes": {}} | data
        return {"data": {"type": "data-privacy-deletion-job", "attributes": {"profile": {"data": whom}}}}

    await api.post("/api/events", json=event(), headers=HEADERS)
    [one] = (await state(api))["profiles"]
    path = "/api/data-privacy-deletion-jobs"
    two_names = erase(id=one["id"], attributes={"email": "a@b.cn"})
    assert (await api.post(path, json=two_names, headers=HEADERS)).status_code == 400
    assert (await api.post(path, json=erase(id=one["id"]), headers=HEADERS)).status_code == 202
    now = await state(api)
    assert (now["profiles"], now["events"], now["deletions"]) == ([], [], 1)


async def test_limits_are_fixed_windows_that_say_when_to_return(api, clock):
    clock.seconds = 120.4
    for i in range(10):
        answer = await api.get("/api/metrics")
        assert (answer.headers["RateLimit-Limit"], answer.headers["RateLimit-Remaining"]) == ("150", str(149 - i))
        assert answer.headers["RateLimit-Reset"] == "60"
    refused = await api.get("/api/metrics")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert "RateLimit-Limit" not in refused.headers
    assert problem(refused)["detail"] == "Request was throttled. Expected available in 1 second."
    for second in range(1, 15):
        clock.seconds = 120.4 + second
        assert {(await api.get("/api/metrics")).status_code for _ in range(10)} == {200}
    clock.seconds = 135.5
    assert (await api.get("/api/metrics")).headers["Retry-After"] == "45"
    assert (await api.get("/api/profiles")).status_code == 200


async def test_speed_scales_the_limits(clock):
    app = create_app(KEY, speed=10, now=clock.now, clock=clock.monotonic)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x", headers=HEADERS) as api:
        assert (await api.get("/api/metrics")).headers["RateLimit-Limit"] == "1500"


async def test_faults_come_in_the_configured_share_and_end_on_request(api):
    await api.post("/sandbox/faults", json={"faults": [{"status": 503, "share": 0.5}], "seed": 3})
    statuses = [(await api.get("/api/profiles")).status_code for _ in range(60)]
    assert 15 <= statuses.count(503) <= 45
    await api.post("/sandbox/faults", json={})
    assert (await api.get("/api/profiles")).status_code == 200
    assert (await api.post("/sandbox/faults", json={"faults": [{"status": 200}]})).status_code == 422


async def test_the_page_escapes_all_its_values(api):
    evil = "<script>alert(1)</script>"
    named = {"type": "profile", "attributes": {"external_id": evil, "properties": {evil: [evil], "n": 1}}}
    metric = {"data": {"type": "metric", "attributes": {"name": evil}}}
    body = event(profile=named, attributes={"metric": metric, "properties": {evil: evil}})
    assert (await api.post("/api/events", json=body, headers=HEADERS)).status_code == 202
    page = await api.get("/")
    assert "<script" not in page.text
    assert page.text.count("&lt;script&gt;") >= 6
    assert "default-src 'none'" in page.headers["content-security-policy"]
