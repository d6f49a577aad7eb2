"""Flows are acted out as graphs; drafts send nothing, and who cannot be texted is skipped with the reason."""

from datetime import timedelta

import pytest
from klaviyo_sandbox import event, of, open_api, profile

ADA = {"email": "ada@shop.cn"}
PHONE = "+8613800138000"


@pytest.fixture
async def api(clock):
    async with open_api(clock) as api:
        yield api


def sms(name="text", then=None, **message: object):
    said = {"body": f"{name}!", "smart_sending_enabled": False, **message}
    return {"temporary_id": name, "type": "send-sms", "links": {"next": then}, "data": {"message": said}}


def delay(name, then, **said: object):
    return {"temporary_id": name, "type": "time-delay", "links": {"next": then}, "data": said}


def list_has(value):
    return {"type": "list", "operator": "contains", "value": value}


def likes(value):
    one = {"type": "profile-property", "property": "properties['likes']", "filter": list_has(value)}
    return {"condition_groups": [{"conditions": [one]}]}


async def metric_id(api, name="Looked"):
    await api.write("POST", "/api/events", event(name, {"email": "first@shop.cn"}, backfill=True))
    return next(one["id"] for one in (await api.get("/api/metrics"))["data"] if one["attributes"]["name"] == name)


async def flow(api, *actions: object, live=True, name="F", trigger=None, **definition: object):
    trigger = trigger or {"type": "metric", "id": await metric_id(api), "trigger_filter": None}
    whole = {
        "triggers": [trigger],
        "entry_action_id": actions[0]["temporary_id"],
        "actions": list(actions),
        **definition,
    }
    made = (await api.write("POST", "/api/flows", of("flow", {"name": name, "definition": whole})))["data"]["id"]
    if live:
        await api.write("PATCH", f"/api/flows/{made}", of("flow", {"status": "live"}, id=made))
    return made


async def look(api, at, who=None, **said: object):
    await api.write("POST", "/api/events", event("Looked", who or ADA, said=said, unique_id=str(at)))


async def say(api, consent, channel="sms", **who: object):
    kind = "create" if consent == "SUBSCRIBED" else "delete"
    said = {"subscriptions": {channel: {"marketing": {"consent": consent}}}, **who}
    body = of(
        f"profile-subscription-bulk-{kind}-job", {"profiles": {"data": [{"type": "profile", "attributes": said}]}}
    )
    await api.write("POST", f"/api/profile-subscription-bulk-{kind}-jobs", body)


async def texts(api):
    return [(one["to"], one["body"], one["status"]) for one in (await api.state())["sms"]]


async def test_a_text_needs_consent_and_withdrawal_stops_it(api):
    await flow(api, sms())
    await say(api, "SUBSCRIBED", email=ADA["email"], phone_number=PHONE)
    await look(api, 1)
    await say(api, "UNSUBSCRIBED", email=ADA["email"], phone_number=PHONE)
    await look(api, 2)
    assert await texts(api) == [("ada@shop.cn", "text!", "sent")]
    assert [one["reason"] for one in (await api.state())["skipped"]] == ["unsubscribed from SMS"]


@pytest.mark.parametrize(
    ("attributes", "reason"), [({}, "no phone number"), ({"phone_number": PHONE}, "never agreed to SMS")]
)
async def test_a_profile_that_cannot_be_texted_is_skipped_with_the_reason(api, attributes, reason):
    await flow(api, sms())
    await api.write("POST", "/api/profile-import", profile(**ADA, **attributes))
    await look(api, 1)
    state = await api.state()
    assert (state["sms"], [one["reason"] for one in state["skipped"]]) == ([], [reason])


async def test_a_draft_sends_nothing_counts_for_nothing_and_starves_no_other_flow(api, clock):
    lately = {"type": "date", "operator": "in-the-last", "unit": "day", "quantity": 7}
    never = {"condition_groups": [{"conditions": [{"type": "profile-not-sent-sms", "timeframe_filter": lately}]}]}
    once = {"duration": 7, "unit": "day"}
    await api.order("consent", emails=[ADA["email"]])
    draft = await flow(api, sms("draft"), live=False, name="D", profile_filter=never, reentry_criteria=once)
    await look(api, 1)
    assert await texts(api) == [("ada@shop.cn", "draft!", "draft")]
    await api.write("PATCH", f"/api/flows/{draft}", of("flow", {"status": "live"}, id=draft))
    await look(api, 2)
    assert (await texts(api))[1:] == [("ada@shop.cn", "draft!", "sent")]
    await look(api, 3)
    assert len(await texts(api)) == 2
    clock.at += timedelta(days=8)
    await look(api, 4)
    assert len(await texts(api)) == 3


async def test_people_go_along_the_graph_as_time_passes(api):
    branches = {"next_if_true": "cotton", "next_if_false": "other"}
    split = {
        "temporary_id": "split",
        "type": "conditional-split",
        "links": branches,
        "data": {"profile_filter": likes("cotton")},
    }
    mail = {
        "temporary_id": "other",
        "type": "send-email",
        "links": {"next": None},
        "data": {"message": {"subject_line": "Hello"}},
    }
    await flow(api, delay("wait", "split", unit="days", value=2), split, sms("cotton"), mail)
    await api.order("consent", emails=[ADA["email"]])
    await api.write("POST", "/api/profile-import", profile(**ADA, properties={"likes": ["cotton"]}))
    await look(api, 1)
    await look(api, 2, {"email": "bo@shop.cn"})
    waiting = [one for one in (await api.state())["journeys"] if one["due"]]
    assert len(waiting) == 2
    await api.order("clock", seconds=86_400 * 1.9)
    assert await texts(api) == []
    await api.order("clock", seconds=86_400 * 0.2)
    state = await api.state()
    assert [one["to"] for one in state["sms"]] == ["ada@shop.cn"]
    assert [one["to"] for one in state["emails"]] == ["bo@shop.cn"]
    assert {one["ended"] for one in state["journeys"]} == {"finished"}


async def test_a_split_by_the_event_looks_at_the_event_that_began_it(api):
    trigger = await metric_id(api)
    wants = {"type": "metric-property", "metric_id": trigger, "field": "tags", "filter": list_has("new")}
    filter_ = {"condition_groups": [{"conditions": [wants]}]}
    split = {
        "temporary_id": "split",
        "type": "trigger-split",
        "links": {"next_if_true": "new", "next_if_false": None},
        "data": {"trigger_filter": filter_, "trigger_id": trigger, "trigger_type": "metric"},
    }
    await flow(api, split, sms("new"))
    await api.order("consent", emails=[ADA["email"]])
    await look(api, 1, tags=["old"])
    await look(api, 2, tags=["new"])
    assert await texts(api) == [("ada@shop.cn", "new!", "sent")]


async def test_joining_a_list_or_a_segment_starts_its_flow_once(api):
    group = (await api.write("POST", "/api/lists", of("list", {"name": "L"})))["data"]["id"]
    segment = (await api.write("POST", "/api/segments", of("segment", {"name": "S", "definition": likes("silk")})))[
        "data"
    ]["id"]
    await flow(api, sms("listed"), trigger={"type": "list", "id": group}, name="L")
    await flow(api, sms("segmented"), trigger={"type": "segment", "id": segment}, name="S")
    await api.order("consent", emails=[ADA["email"]])
    [ada] = [one for one in (await api.state())["profiles"] if one["email"] == ADA["email"]]
    for _ in range(2):
        member = {"data": [{"type": "profile", "id": ada["id"]}]}
        await api.write("POST", f"/api/lists/{group}/relationships/profiles", member)
        await api.write("POST", "/api/profile-import", profile(**ADA, properties={"likes": ["silk"]}))
    assert sorted(body for _to, body, _status in await texts(api)) == ["listed!", "segmented!"]


async def test_smart_sending_skips_the_second_text_of_a_day_with_the_reason(api, clock):
    await flow(api, sms(smart_sending_enabled=True))
    await api.order("consent", emails=[ADA["email"]])
    await look(api, 1)
    await look(api, 2)
    [skipped] = (await api.state())["skipped"]
    assert skipped["reason"].startswith("Smart Sending")
    clock.at += timedelta(hours=25)
    await look(api, 3)
    assert len(await texts(api)) == 2


async def test_consent_withdrawn_at_night_stops_the_text_that_waits_for_the_morning(api, clock):
    clock.at = clock.at.replace(hour=23)
    await flow(api, sms())
    await api.order("consent", emails=[ADA["email"]])
    await look(api, 1)
    assert [status for _to, _body, status in await texts(api)] == ["waiting"]
    await api.order("consent", emails=[ADA["email"]], withdraw=True)
    clock.at += timedelta(hours=12)
    assert await texts(api) == []


async def test_klaviyo_gives_actions_ids_of_its_own(api):
    made = await flow(api, delay("a", "b", unit="hours", value=1), sms("b"))
    whole = await api.get(f"/api/flows/{made}", **{"additional-fields[flow]": "definition"})
    definition = whole["data"]["attributes"]["definition"]
    first, second = definition["actions"]
    assert (definition["entry_action_id"], first["links"]["next"]) == (first["id"], second["id"])
    assert "temporary_id" not in first
    assert second["data"]["status"] == "live"


@pytest.mark.parametrize(
    ("actions", "pointer"),
    [
        ([sms("a", "nowhere")], "/data/attributes/definition/actions/0/links"),
        ([sms("a", "b"), sms("b", "a")], "/data/attributes/definition/actions"),
        ([sms("a"), sms("a")], "/data/attributes/definition/actions/0/temporary_id"),
        ([sms("a") | {"colour": 1}], "/data/attributes/definition/actions/0/colour"),
        ([sms("a") | {"type": "send-pigeon"}], "/data/attributes/definition/actions/0"),
    ],
)
async def test_a_graph_that_cannot_be_is_refused_at_its_place(api, actions, pointer):
    trigger = {"type": "metric", "id": await metric_id(api)}
    whole = {"triggers": [trigger], "entry_action_id": "a", "actions": actions}
    problem = await api.refused(400, "POST", "/api/flows", of("flow", {"name": "F", "definition": whole}))
    assert problem["source"] == {"pointer": pointer}


def condition(**said: object):
    return {"condition_groups": [{"conditions": [said]}]}


@pytest.mark.parametrize(
    ("definition", "missing"),
    [
        (condition(type="profile-region", in_region=True, region="european_union"), "profile-region"),
        (
            condition(
                type="profile-property",
                property="created",
                filter={"type": "date", "operator": "anniversary-last", "unit": "day", "quantity": 1},
            ),
            "anniversary-last",
        ),
        (
            condition(
                type="profile-marketing-consent",
                consent={"channel": "push", "can_receive_marketing": True, "consent_status": {"subscription": "any"}},
            ),
            "push",
        ),
    ],
)
async def test_a_condition_that_klaviyo_has_and_the_sandbox_has_not_is_named(api, definition, missing):
    body = of("segment", {"name": "S", "definition": definition})
    problem = await api.refused(501, "POST", "/api/segments", body)
    assert missing in problem["detail"]
    assert problem["source"]["pointer"].startswith("/data/attributes/definition/condition_groups/0/conditions/0")


async def test_reading_a_segment_removes_no_entry_and_old_members_start_no_flow(api):
    definition = {"name": "S", "definition": likes("silk")}
    segment = (await api.write("POST", "/api/segments", of("segment", definition)))["data"]["id"]
    await api.write("POST", "/api/profile-import", profile(email="old@shop.cn", properties={"likes": ["silk"]}))
    await flow(api, sms(), trigger={"type": "segment", "id": segment})
    await api.order("consent", emails=[ADA["email"], "old@shop.cn"])
    await api.get(f"/api/segments/{segment}/profiles")
    await api.write("POST", "/api/profile-import", profile(**ADA, properties={"likes": ["silk"]}))
    await api.get(f"/api/segments/{segment}/profiles")
    assert [to for to, _body, _status in await texts(api)] == ["ada@shop.cn"]


async def test_a_segment_that_time_fills_starts_its_flow(api):
    looked = await metric_id(api)
    never = {
        "type": "profile-metric",
        "metric_id": looked,
        "measurement": "count",
        "measurement_filter": {"type": "numeric", "operator": "equals", "value": 0},
        "timeframe_filter": {"type": "date", "operator": "in-the-last", "unit": "day", "quantity": 7},
    }
    definition = {"condition_groups": [{"conditions": [never]}]}
    body = of("segment", {"name": "Gone", "definition": definition})
    segment = (await api.write("POST", "/api/segments", body))["data"]["id"]
    await look(api, 1)
    await flow(api, sms(), trigger={"type": "segment", "id": segment})
    await api.order("consent", emails=[ADA["email"]])
    assert await texts(api) == []
    await api.order("clock", seconds=8 * 86_400)
    assert [to for to, _body, _status in await texts(api)] == ["ada@shop.cn"]
