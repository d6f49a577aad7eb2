"""Setting up an account: nothing is set live, created or chosen on a state that is known to be wrong."""

import json
import subprocess
import sys
from dataclasses import dataclass, field

import httpx
import pytest
from pydantic import SecretStr

from klaviyo_sink.account.campaigns import Campaign, CampaignsError, read_campaigns
from klaviyo_sink.account.flows import segment_body
from klaviyo_sink.account.setup import Setup, SetupError
from klaviyo_sink.api.client import KlaviyoClient, PrivateKey
from klaviyo_sink.profile.naming import DEFAULT_NAMES, PropertyNames
from streams.config.settings import child_environment

[EXAMPLE] = read_campaigns(None)
OURS = {"id": "OURS", "name": "Outfit Tagged", "integration": {"name": "API"}}
SHOPIFY = {"id": "SHOPIFY", "name": "Placed Order", "integration": {"name": "Shopify"}}
BY_API = {"id": "BY_API", "name": "Placed Order", "integration": {"name": "API"}}


def campaign(**changes: object):
    return EXAMPLE.model_copy(update=changes)


@dataclass
class Account(httpx.AsyncBaseTransport):
    """A Klaviyo account in memory; `fail_at` numbers the change that it refuses for good."""

    metrics: list = field(default_factory=lambda: [OURS, SHOPIFY])
    segments: dict = field(default_factory=dict)
    flows: dict = field(default_factory=dict)
    changes: list = field(default_factory=list)
    fail_at: int | None = None

    async def handle_async_request(self, request):
        kind, *rest = request.url.path.removeprefix("/api/").split("/")
        if request.method == "GET":
            return self.read(kind, rest)
        attributes = json.loads(request.content)["data"]["attributes"]
        if len(self.changes) == self.fail_at:
            self.fail_at = None
            return httpx.Response(400, json={"errors": [{"code": "invalid", "title": "No."}]})
        things = getattr(self, kind)
        if request.method == "POST":
            thing_id = f"{kind}-{len(things) + 1}"
            things[thing_id] = {"status": "draft", "archived": False} | attributes
            self.changes.append(f"create {thing_id}")
        else:
            thing_id = rest[0]
            things[thing_id] |= attributes
            self.changes.append(f"{attributes.get('status', 'change')} {thing_id}")
        return self.answer(self.resource(kind, thing_id), 201 if request.method == "POST" else 200)

    def read(self, kind, rest):
        if kind == "metrics":
            return self.answer([{"type": "metric", "id": one["id"], "attributes": one} for one in self.metrics])
        return self.answer(
            self.resource(kind, rest[0]) if rest else [self.resource(kind, one) for one in self.all(kind)]
        )

    def all(self, kind):
        return list(getattr(self, kind))

    def resource(self, kind, thing_id):
        return {"type": kind.removesuffix("s"), "id": thing_id, "attributes": getattr(self, kind)[thing_id]}

    def answer(self, data, status=200):
        headers = {"content-type": "application/vnd.api+json"}
        return httpx.Response(status, content=json.dumps({"data": data}), headers=headers)

    def live(self):
        return [
            one["definition"]["actions"][0]["data"]["message"]["body"]
            for one in self.flows.values()
            if one["status"] == "live"
        ]


async def set_up(account, *campaigns: Campaign, live=False, replace=False, names=DEFAULT_NAMES):
    key = PrivateKey(SecretStr("pk"))
    async with KlaviyoClient("http://k", key, revision="2026-07-15", timeout_s=5, transport=account) as client:
        found = await Setup(client, "Outfit Tagged", names, live, replace=replace).run(campaigns or (EXAMPLE,))
    return [(one.kind, one.done, one.detail) for one in found]


def done(steps):
    return [(kind, what) for kind, what, _ in steps]


async def test_nothing_is_set_live_while_anything_differs_and_setup_prints_the_difference():
    account = Account()
    await set_up(account)
    steps = await set_up(account, campaign(message={"zh": "NEW"}), campaign(name="Another"), live=True)
    assert account.live() == [], "neither the old text nor another campaign's"
    [(_, _, detail)] = [one for one in steps if one[1] == "drifted"]
    assert detail.startswith('the text: "Hi，看到你')
    assert detail.endswith('"NEW" in the campaign')


async def test_a_differing_flow_is_replaced_by_a_new_one_set_live_before_the_old_one_stops():
    account = Account()
    await set_up(account, live=True)
    account.changes.clear()
    changed = campaign(message={"zh": "NEW"}, no_order_days=3)
    await set_up(account, changed, replace=True)
    assert account.changes == ["change segments-1", "create flows-2", "live flows-2", "draft flows-1"]
    assert account.live() == ["NEW"]
    assert done(await set_up(account, changed, live=True)) == [
        ("metric", "unchanged"),
        ("segment", "unchanged"),
        ("flow", "unchanged"),
    ]


@pytest.mark.parametrize("interrupted", range(4))
async def test_an_interrupted_replacement_continues_where_it_stopped(interrupted):
    account = Account()
    await set_up(account, live=True)
    account.changes.clear()
    account.fail_at = interrupted
    changed = campaign(message={"zh": "NEW"}, no_order_days=3)
    with pytest.raises(SetupError):
        await set_up(account, changed, replace=True)
    assert account.live(), "someone always texts"
    await set_up(account, changed, replace=True)
    assert account.live() == ["NEW"]
    assert len(account.flows) == 2


@pytest.mark.parametrize("status", ["draft", "live"])
async def test_an_archived_flow_is_never_set_live_nor_treated_as_ours(status):
    account = Account()
    await set_up(account)
    account.flows["flows-1"] |= {"archived": True, "status": status}
    account.changes.clear()
    assert ("flow", "archived") in done(await set_up(account, live=True))
    assert account.changes == []
    await set_up(account, live=True, replace=True)
    assert account.changes == ["create flows-2", "live flows-2"]


async def test_of_two_metrics_of_one_name_the_campaign_must_say_which():
    account = Account(metrics=[OURS, SHOPIFY, BY_API])
    with pytest.raises(SetupError, match=r"order_integration") as refused:
        await set_up(account)
    assert "Shopify (SHOPIFY)" in str(refused.value)
    assert "API (BY_API)" in str(refused.value)
    assert account.changes == []
    await set_up(account, campaign(order_integration="shopify"))
    assert '"SHOPIFY"' in json.dumps(account.flows)
    assert "BY_API" not in json.dumps([account.flows, account.segments])


async def test_an_integration_without_a_metric_of_the_name_is_an_error():
    with pytest.raises(SetupError, match="'Magento'; there is 'Placed Order' of Shopify"):
        await set_up(Account(), campaign(order_integration="Magento"))


@pytest.mark.parametrize(
    "tags", [("care/machine-wash",), ("pattern/floral",), ("material/cotton", "colour/blue"), ("claim/x", "size/s")]
)
async def test_a_segment_that_would_admit_more_than_its_flow_is_refused_before_anything_is_made(tags):
    account = Account()
    with pytest.raises(CampaignsError, match=r"no list of .*HANGTAG_KLAVIYO_CATEGORIES"):
        await set_up(account, EXAMPLE, campaign(name="Other", tags=tags))
    assert account.changes == []


async def test_profiles_get_lists_for_the_categories_that_campaigns_use():
    names = PropertyNames(categories=("colour", "care"))
    body = json.loads(segment_body(campaign(tags=("material/cotton", "colour/blue")), names, None))
    groups = body["data"]["attributes"]["definition"]["condition_groups"]
    asked = [one["conditions"][0] for one in groups]
    assert [(one["property"], one["filter"]["value"]) for one in asked[:2]] == [
        ("properties['outfit_materials']", "cotton"),
        ("properties['outfit_colours']", "blue"),
    ]
    with pytest.raises(ValueError, match="at most 8 lists"):
        PropertyNames(categories=tuple(f"c{i}" for i in range(9)))


def test_a_word_that_two_tags_share_is_no_condition():
    words = {"material/linen": "麻", "material/hemp": "麻"}
    with pytest.raises(CampaignsError, match="material/hemp"):
        segment_body(campaign(tags=("material/linen",)), PropertyNames(labels="zh"), None, words)


def command(tmp_path, url, variables):
    started = [sys.executable, "-m", "streams", "klaviyo", "setup"]
    environment = child_environment(klaviyo_url=url, klaviyo_key="pk") | variables
    return subprocess.run(started, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("variable", ["NO_PROXY=[::1]", "ALL_PROXY=socks5://proxy:1", "SSL_CERT_FILE=/not/there"])
def test_an_environment_that_cannot_be_used_is_named_in_one_line(tmp_path, variable):
    name, value = variable.split("=")
    ended = command(tmp_path, "https://a.klaviyo.com", {name: value})
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
    assert name in ended.stderr


async def test_a_failed_setup_says_what_it_created_before():
    account = Account(fail_at=1)
    with pytest.raises(SetupError) as stopped:
        await set_up(account)
    assert [(one.kind, one.done) for one in stopped.value.steps] == [("metric", "unchanged"), ("segment", "created")]


async def test_an_answer_that_was_cut_stops_setting_up_in_one_sentence():
    class Cut(Account):
        def read(self, kind, rest):
            whole = super().read(kind, rest)
            return httpx.Response(200, content=whole.content[:9], headers=whole.headers) if kind == "flows" else whole

    async def at_once(_seconds):
        pass

    key = PrivateKey(SecretStr("pk"))
    async with KlaviyoClient("http://k", key, revision="2026-07-15", timeout_s=5, transport=Cut()) as client:
        with pytest.raises(SetupError, match="incomplete or broken"):
            await Setup(client, "Outfit Tagged", DEFAULT_NAMES, live=False, sleep=at_once).run([EXAMPLE])
