"""From a file of campaigns to the text that would go out: set up, acted out in the sandbox, safe to repeat."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import pytest
from pydantic import SecretStr

from klaviyo_sink.account.campaigns import EXAMPLE, CampaignsError, read_campaigns
from klaviyo_sink.account.canary import Canary
from klaviyo_sink.account.pace import most_left_s
from klaviyo_sink.account.setup import Setup, SetupError
from klaviyo_sink.api.client import KlaviyoClient, PrivateKey
from klaviyo_sink.profile.interests import Interest, Interests
from klaviyo_sink.profile.naming import DEFAULT_NAMES, PropertyNames
from klaviyo_sink.sink import open_sink
from schemas.events import Identity, Labels

NO_WORDS = MappingProxyType({})
OFFER = "Hi，看到你喜欢纯棉舒适款！夏日新款纯棉T恤限时8折"


@pytest.fixture
async def client(config):
    async with KlaviyoClient(config.url, PrivateKey(config.key), revision=config.revision, timeout_s=9) as client:
        yield client


async def set_up(client, clock, *, live=True, campaigns=None, names=DEFAULT_NAMES, words=NO_WORDS):
    async def sleep(seconds):
        clock.seconds += seconds

    found = Setup(client, "Outfit Tagged", names, live, words, now=clock.now, sleep=sleep)
    return [(one.kind, one.done) for one in await found.run(campaigns or read_campaigns(None))]


@pytest.mark.parametrize(("count", "most"), [(10, 10), (15, 15), (20, 65)])
async def test_setting_up_takes_the_time_of_klaviyos_limits_and_no_more(client, clock, count, most):
    # One new flow a second, 15 a minute: from the 16th on they wait for the next minute.
    [example] = read_campaigns(None)
    campaigns = [example.model_copy(update={"name": f"campaign {number}"}) for number in range(count)]
    done = await set_up(client, clock, live=False, campaigns=campaigns)
    assert done.count(("flow", "created")) == count
    assert clock.seconds <= most


@pytest.mark.parametrize("count", [16, 20, 33])
async def test_setup_shows_a_wait_for_klaviyos_limits_before_it_begins_with_the_time_left(client, clock, count):
    [example] = read_campaigns(None)
    shown, done, longest = [], [0], {}

    async def sleep(seconds):
        assert shown, "before it begins"
        clock.seconds += seconds

    def waiting(call, seconds):
        shown.append(call)
        if seconds > 2:
            longest[done[-1]] = call, clock.seconds + most_left_s(count - done[-1], seconds)

    setup = Setup(
        client,
        "Outfit Tagged",
        DEFAULT_NAMES,
        live=False,
        now=clock.now,
        sleep=sleep,
        waiting=waiting,
        progress=done.append,
    )
    await setup.run([example.model_copy(update={"name": f"campaign {number}"}) for number in range(count)])
    assert done == list(range(count + 1))
    assert list(longest) == list(range(15, count, 15))
    for call, end in longest.values():
        assert call == "POST /api/segments"
        assert clock.seconds <= end <= clock.seconds + 2, "the end that was shown"


async def consent(sandbox, *shoppers: str):
    (await sandbox.http.post("/sandbox/consent", json={"external_ids": shoppers})).raise_for_status()


async def test_a_cotton_t_shirt_brings_the_offer_to_who_agreed_and_to_no_one_else(client, clock, sandbox, sink, outfit):
    await set_up(client, clock)
    await consent(sandbox, "s1", "s3")
    for shopper, tags in (
        ("s1", ("material/cotton", "category/t-shirt")),
        ("s2", ("material/cotton", "category/t-shirt")),
        ("s3", ("material/cotton", "category/dress")),
    ):
        await sink.sync(outfit(f"u-{shopper}", *tags, shopper_id=shopper))
    state = await sandbox.state()
    assert [(one["to"], one["body"], one["status"], one["flow"]) for one in state["sms"]] == [
        ("s1", OFFER, "sent", "Cotton T-shirts")
    ]
    [segment] = state["segments"]
    assert segment["profile_ids"] == [one["id"] for one in state["profiles"] if one["external_id"] == "s1"]
    assert OFFER in (await sandbox.http.get("/")).text


@pytest.mark.parametrize("labels", ["ids", "zh"])
@pytest.mark.parametrize(
    ("tags", "texted"), [(("interest/vacation",), ["u2", "u3"]), (("category/dress", "interest/vacation"), ["u3"])]
)
async def test_an_interest_brings_the_offer_with_the_uploads_of_who_has_it(
    config, client, clock, sandbox, outfit, labels, tags, texted
):
    shown = frozenset({"category/dress", "category/t-shirt"})
    of_two = Interest("interest/vacation", Labels(en="Vacation", zh="度假"), (shown,), 2, timedelta(days=90))
    names = PropertyNames(labels=labels)
    [campaign] = read_campaigns(None)
    wanted = campaign.model_copy(update={"tags": tags, "reentry_days": 1, "not_texted_days": 1})
    words = {"interest/vacation": "度假"} if labels == "zh" else {}
    await set_up(client, clock, campaigns=[wanted], names=names, words=words)
    await consent(sandbox, "s1", "s2")
    sink = await open_sink(replace(config, names=names, interests=Interests([of_two])), now=clock.now)
    await sink.sync(outfit("other", "category/dress", shopper_id="s2"))
    for upload, tag in (("u1", "category/dress"), ("u2", "category/t-shirt"), ("u3", "category/dress")):
        await sink.sync(outfit(upload, tag, uploaded_at=clock.at))
        clock.at += timedelta(days=2)
    await sink.aclose()
    state = await sandbox.state()
    uploads = {one["id"]: one["properties"]["upload_id"] for one in state["events"]}
    assert [uploads[one["event_id"]] for one in state["sms"]] == texted
    [segment] = state["segments"]
    assert segment["profile_ids"] == [one["id"] for one in state["profiles"] if one["external_id"] == "s1"]


async def test_no_one_is_texted_twice_in_a_week_nor_by_a_backfill(client, clock, sandbox, sink, outfit):
    await set_up(client, clock)
    await consent(sandbox, "s1")
    await sink.sync(outfit("old", backfill=True))
    assert (await sandbox.state())["sms"] == []
    for day in (0, 6, 8):
        await sink.sync(outfit(f"u{day}", uploaded_at=clock.at))
        clock.at += timedelta(days=6 if day == 0 else 2)
    assert len((await sandbox.state())["sms"]) == 2


@pytest.mark.parametrize(("hour", "status"), [(12, "sent"), (23, "waiting"), (3, "waiting")])
async def test_the_night_is_quiet(client, clock, sandbox, sink, outfit, hour, status):
    clock.at = clock.at.replace(hour=hour)
    await set_up(client, clock)
    await consent(sandbox, "s1")
    await sink.sync(outfit("u", uploaded_at=clock.at))
    [text] = (await sandbox.state())["sms"]
    assert text["status"] == status
    assert status == "sent" or "T08:00:00" in text["at"]


async def test_a_draft_shows_what_it_would_send(client, clock, sandbox, sink, outfit):
    await set_up(client, clock, live=False)
    await consent(sandbox, "s1")
    await sink.sync(outfit())
    assert [one["status"] for one in (await sandbox.state())["sms"]] == ["draft"]


async def test_a_second_run_changes_nothing_and_a_changed_campaign_shows_as_drift(client, clock, sandbox):
    first = await set_up(client, clock)
    assert first == [
        ("metric", "created"),
        ("metric", "missing"),
        ("segment", "created"),
        ("flow", "created"),
        ("flow", "set live"),
    ]
    again = await set_up(client, clock)
    assert again == [("metric", "unchanged"), ("metric", "missing"), ("segment", "unchanged"), ("flow", "unchanged")]
    [campaign] = read_campaigns(None)
    changed = campaign.model_copy(update={"message": {"zh": "另一条"}})
    assert ("flow", "drifted") in await set_up(client, clock, campaigns=[changed])
    assert len((await sandbox.state())["flows"]) == 1


async def test_an_order_within_the_week_spares_the_text(client, clock, sandbox, sink, outfit):
    await Canary(client, "Placed Order").run("buyer@shop.cn", 5)
    assert ("metric", "missing") not in await set_up(client, clock)
    await consent(sandbox, "s1")
    body = {
        "data": {
            "type": "event",
            "attributes": {
                "metric": {"data": {"type": "metric", "attributes": {"name": "Placed Order"}}},
                "properties": {},
                "profile": {"data": {"type": "profile", "attributes": {"external_id": "s1"}}},
            },
        }
    }
    await client.create_event(json.dumps(body).encode(), by_profile_id=False)
    await sink.sync(outfit("u1"))
    assert (await sandbox.state())["sms"] == []


async def test_a_wrong_key_stops_setting_up(config, clock):
    wrong = PrivateKey(SecretStr("pk_no"))
    async with KlaviyoClient(config.url, wrong, revision=config.revision, timeout_s=9) as client:
        with pytest.raises(SetupError, match="does not accept the key"):
            await set_up(client, clock)


HOSTILE = ("a = " + "[" * 5000, "a = " + "9" * 5000, ".".join(["a"] * 20_000) + "=1", "#" * 1_000_001)


def test_a_pipe_is_no_file_of_campaigns_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(CampaignsError, match="not a regular file"):
        read_campaigns(tmp_path / "pipe.toml")


@pytest.mark.parametrize(
    "text", ["", "[", "[[campaign]]\nname='x'", EXAMPLE + EXAMPLE, EXAMPLE.replace("tags", "tag"), *HOSTILE]
)
def test_a_file_that_is_no_campaigns_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "campaigns.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CampaignsError) as refused:
        read_campaigns(path)
    assert "\n" not in str(refused.value)


async def test_the_canary_returns(client):
    seen = await Canary(client, "Outfit Tagged").run("canary@shop.cn", 5)
    assert isinstance(seen, float)


async def test_the_canary_returns_on_a_profile_with_more_events_than_any_page_has(client, sink, outfit):
    identity = Identity(email="canary@shop.cn")
    await asyncio.gather(*(sink.sync(outfit(f"u{number}", identity=identity)) for number in range(205)))
    seen = await Canary(client, "Outfit Tagged").run("canary@shop.cn", 1)
    assert isinstance(seen, float)


def test_the_preview_prints_the_body_and_sends_nothing(outfit, tmp_path):
    command = [sys.executable, "-m", "streams", "klaviyo", "preview", "-"]
    upload = outfit().model_dump_json()
    done = subprocess.run(command, input=upload, cwd=tmp_path, capture_output=True, text=True, check=True)
    body = json.loads(done.stdout.removeprefix("POST /api/events\n"))
    assert body["data"]["attributes"]["properties"]["materials"] == ["cotton"]
