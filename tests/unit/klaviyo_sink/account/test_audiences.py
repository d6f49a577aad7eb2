"""For every campaign and all shoppers: the sandbox's segment contains exactly those whom the flow texts."""

import asyncio
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from outfits import NOON, outfit
from pydantic import SecretStr

from klaviyo_sink.account.campaigns import CampaignsError, read_campaigns
from klaviyo_sink.account.setup import Setup
from klaviyo_sink.api.client import KlaviyoClient, PrivateKey
from klaviyo_sink.profile.naming import PropertyNames
from klaviyo_sink.sandbox.app import create_app
from klaviyo_sink.sink import Sink, SinkConfig, Written
from klaviyo_sink.state.store import open_state

[EXAMPLE] = read_campaigns(None)
TAGS = ("material/cotton", "category/t-shirt", "style/v-neck", "pattern/floral", "colour/blue", "care/machine-wash")
KEY = SecretStr("pk_audience")

tag_sets = st.sets(st.sampled_from(TAGS), min_size=1, max_size=4)
shoppers = st.lists(
    st.tuples(st.lists(tag_sets, min_size=1, max_size=3), st.booleans(), st.booleans()), min_size=1, max_size=5
)


async def order(client, shopper):
    metric = {"data": {"type": "metric", "attributes": {"name": "Placed Order"}}}
    profile = {"data": {"type": "profile", "attributes": {"external_id": shopper}}}
    event = {"type": "event", "attributes": {"metric": metric, "properties": {}, "profile": profile}}
    await client.create_event(json.dumps({"data": event}).encode(), by_profile_id=False)


async def audiences(campaign, names, people, folder):
    """Return the shoppers whom the flow texted, and those in the segment."""
    transport = httpx.ASGITransport(create_app(KEY.get_secret_value(), now=lambda: NOON, speed=1000))
    client = KlaviyoClient("http://k", PrivateKey(KEY), revision="2026-07-15", timeout_s=9, transport=transport)
    config = SinkConfig("http://k", KEY, state_url=f"sqlite:///{folder}/state.db", names=names)
    threads = ThreadPoolExecutor(1)
    state = await asyncio.wrap_future(threads.submit(open_state, config.state_url, config.wording))
    sink = Sink(config, state, threads, lambda: NOON, transport)
    async with client, httpx.AsyncClient(transport=transport, base_url="http://k") as http:
        await order(client, "somebody")
        await Setup(client, config.metric, names, live=True).run([campaign])
        agreed = [f"s{i}" for i, (_, agrees, _) in enumerate(people) if agrees]
        await http.post("/sandbox/consent", json={"external_ids": agreed})
        for i, (uploads, _, ordered) in enumerate(people):
            if ordered:
                await order(client, f"s{i}")
            for number, tags in enumerate(uploads):
                event = outfit(f"u{number}", *sorted(tags), shopper_id=f"s{i}", uploaded_at=NOON - timedelta(minutes=9))
                assert isinstance(await sink.sync(event), Written)
        await sink.aclose()
        found = (await http.get("/sandbox/state")).json()
    who = {one["id"]: one["external_id"] for one in found["profiles"]}
    [segment] = found["segments"]
    return {one["to"] for one in found["sms"]}, {who[one] for one in segment["profile_ids"]}


@settings(
    max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.generate)
)
@given(asked=tag_sets, people=shoppers, listed=st.sets(st.sampled_from(("pattern", "colour", "care"))))
def test_segment_and_flow_admit_the_same_shoppers(asked, people, listed):
    campaign = EXAMPLE.model_copy(update={"tags": tuple(sorted(asked))})
    names = PropertyNames(categories=tuple(sorted(listed)))
    unlisted = {tag.partition("/")[0] for tag in asked} - set(names.lists.values())
    with tempfile.TemporaryDirectory() as folder:
        try:
            texted, members = asyncio.run(audiences(campaign, names, people, folder))
        except CampaignsError:
            assert unlisted
            return
    assert not unlisted
    assert members == texted


def test_tags_of_two_uploads_together_admit_no_shopper(tmp_path):
    both, one, other = {"material/cotton", "category/t-shirt"}, {"material/cotton"}, {"category/t-shirt"}
    people = [([both], True, False), ([one, other], True, False), ([both], False, False), ([both], True, True)]
    campaign = EXAMPLE.model_copy(update={"tags": tuple(sorted(both))})
    assert asyncio.run(audiences(campaign, PropertyNames(), people, tmp_path)) == ({"s0"}, {"s0"})
