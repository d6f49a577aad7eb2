"""Lists, consent, suppressions, merging and keys: who is reached by what, and who may ask."""

import httpx
import pytest
from klaviyo_sandbox import HEADERS, event, of, open_api, profile

from klaviyo_sink.sandbox.access.auth import EVERY_SCOPE, read_key


@pytest.fixture
async def api(clock):
    async with open_api(clock) as api:
        yield api


async def made(api, **attributes: object):
    return (await api.write("POST", "/api/profile-import", profile(**attributes)))["data"]["id"]


def suppress(kind, *emails: str):
    rows = [{"type": "profile", "attributes": {"email": one}} for one in emails]
    return of(f"profile-suppression-bulk-{kind}-job", {"profiles": {"data": rows}})


def email_marketing(can_receive, status="any"):
    consent = {"channel": "email", "can_receive_marketing": can_receive, "consent_status": {"subscription": status}}
    return {"condition_groups": [{"conditions": [{"type": "profile-marketing-consent", "consent": consent}]}]}


async def test_merging_moves_everything_and_the_other_id_ends(api):
    ada = await made(api, email="ada@shop.cn", properties={"a": 1, "both": "mine"})
    other = await made(api, external_id="s1", properties={"b": 2, "both": "theirs"})
    await api.write("POST", "/api/events", event("Looked", {"external_id": "s1"}))
    others = {"profiles": {"data": [{"type": "profile", "id": other}]}}
    await api.write("POST", "/api/profile-merge", of("profile-merge", id=ada, relationships=others))
    whole = (await api.get(f"/api/profiles/{ada}"))["data"]["attributes"]
    assert (whole["external_id"], whole["properties"]) == ("s1", {"a": 1, "b": 2, "both": "mine"})
    [looked] = (await api.state())["events"]
    assert looked["profile_id"] == ada
    await api.refused(404, "GET", f"/api/profiles/{other}")
    assert await made(api, external_id="s1") == ada


async def test_suppression_stops_marketing_mail_until_it_ends(api):
    await made(api, email="ada@shop.cn")
    body = of("segment", {"name": "Reached", "definition": email_marketing(True)})
    segment = (await api.write("POST", "/api/segments", body))["data"]["id"]

    async def reached():
        return len((await api.get(f"/api/segments/{segment}/profiles"))["data"])

    assert await reached() == 1
    await api.write("POST", "/api/profile-suppression-bulk-create-jobs", suppress("create", "ada@shop.cn"))
    assert await reached() == 0
    await api.write("POST", "/api/profile-suppression-bulk-delete-jobs", suppress("delete", "ada@shop.cn"))
    assert await reached() == 1


async def test_events_keep_their_value_and_metrics_of_one_name_differ_by_integration(api):
    await api.write("POST", "/api/events", event("Placed Order", {"email": "ada@shop.cn"}, value=99.5))
    shopify = event("Placed Order", {"email": "ada@shop.cn"}, value=1)
    shopify["data"]["attributes"]["metric"]["data"]["attributes"]["service"] = "shopify"
    await api.write("POST", "/api/events", shopify)
    found = (await api.get("/api/metrics", filter='equals(integration.name,"Shopify")'))["data"]
    assert [one["attributes"]["name"] for one in found] == ["Placed Order"]
    spent = {
        "type": "profile-metric",
        "metric_id": found[0]["id"],
        "measurement": "sum",
        "measurement_filter": {"type": "numeric", "operator": "greater-than", "value": 50},
        "timeframe_filter": {"type": "date", "operator": "alltime"},
    }
    body = of("segment", {"name": "Rich", "definition": {"condition_groups": [{"conditions": [spent]}]}})
    segment = (await api.write("POST", "/api/segments", body))["data"]["id"]
    assert (await api.get(f"/api/segments/{segment}/profiles"))["data"] == []


async def test_sms_consent_needs_a_phone_number(api):
    said = {"email": "ada@shop.cn", "subscriptions": {"sms": {"marketing": {"consent": "SUBSCRIBED"}}}}
    rows = {"profiles": {"data": [{"type": "profile", "attributes": said}]}}
    body = of("profile-subscription-bulk-create-job", rows)
    problem = await api.refused(400, "POST", "/api/profile-subscription-bulk-create-jobs", body)
    assert problem["source"]["pointer"].endswith("/0/attributes/phone_number")


async def test_consent_by_a_channel_that_is_not_modelled_is_named(api):
    said = {"phone_number": "+8613800138000", "subscriptions": {"whatsapp": {"marketing": {"consent": "SUBSCRIBED"}}}}
    rows = {"profiles": {"data": [{"type": "profile", "attributes": said}]}}
    body = of("profile-subscription-bulk-create-job", rows)
    problem = await api.refused(501, "POST", "/api/profile-subscription-bulk-create-jobs", body)
    assert "whatsapp" in problem["detail"]


async def test_each_key_may_do_what_its_scopes_say(clock):
    name, scopes = read_key("pk_reader=profiles:read")
    async with open_api(clock, more_keys={name: scopes}) as api:
        as_reader = HEADERS | {"Authorization": f"Klaviyo-API-Key {name}"}
        http: httpx.AsyncClient = api.http
        assert (await http.get("/api/profiles", headers=as_reader)).status_code == 200
        refused = await http.post("/api/profile-import", json=profile(email="a@shop.cn"), headers=as_reader)
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "permission_denied")
        assert "profiles:write" in refused.json()["errors"][0]["detail"]


def test_a_key_on_the_command_line_has_every_scope_or_those_it_names():
    assert read_key("pk") == ("pk", EVERY_SCOPE)
    assert read_key("pk=events:write,lists:read") == ("pk", {"events:write", "lists:read"})
    for bad in ("", "=events:write", "pk=events:wrote", "pk="):
        with pytest.raises(ValueError, match=r"key|scope"):
            read_key(bad)


@pytest.mark.parametrize("media", ["application/json", "application/vnd.api+json", "application/json; charset=utf-8"])
async def test_both_json_media_types_are_accepted(api, media):
    answer = await api.http.post(
        "/api/profile-import", json=profile(email="a@shop.cn"), headers=HEADERS | {"content-type": media}
    )
    assert answer.status_code == 201


async def test_a_pointer_names_places_of_the_body_and_nothing_of_ours(api):
    equals = {"type": "list", "operator": "contains", "colour": 1}
    one = {"type": "profile-property", "property": "properties['m']", "filter": equals}
    body = of("segment", {"name": "S", "definition": {"condition_groups": [{"conditions": [one]}]}})
    answer = await api.http.post("/api/segments", json=body, headers=HEADERS)
    at = "/data/attributes/definition/condition_groups/0/conditions/0/filter"
    assert {one["source"]["pointer"] for one in answer.json()["errors"]} == {f"{at}/value", f"{at}/colour"}


async def test_a_body_that_is_no_object_is_refused_with_klaviyos_message(api):
    body = of("segment", {"name": "S", "definition": []})
    problem = await api.refused(400, "POST", "/api/segments", body)
    assert problem["detail"] == "'definition' must be an object."
