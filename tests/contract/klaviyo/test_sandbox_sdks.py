"""Both official SDKs drive the sandbox with the headers they send: Python always, Node where it is installed."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import npm
import pytest

from klaviyo_sink.sandbox.app import create_app
from klaviyo_sink.sandbox.server import listen, make_server, url_of

KEY = "pk_sdk"
NODE = Path(__file__).with_name("node")


@pytest.fixture
def url() -> Iterator[str]:
    listening = listen("127.0.0.1", 0)
    server = make_server(create_app(KEY, speed=1000))
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    serving.start()
    while not server.started:
        time.sleep(0.01)
    yield url_of(listening)
    server.should_exit = True
    serving.join()


def of(kind: str, attributes: Any = None, **more: Any) -> dict[str, Any]:
    return {"data": {"type": kind, **more, **({} if attributes is None else {"attributes": attributes})}}


COTTON = {
    "condition_groups": [
        {
            "conditions": [
                {
                    "type": "profile-property",
                    "property": "properties['m']",
                    "filter": {"type": "list", "operator": "contains", "value": "cotton"},
                }
            ]
        }
    ]
}


@pytest.fixture
def sdk(url):
    klaviyo_api = pytest.importorskip("klaviyo_api", reason="the official SDK (klaviyo-api) is not installed")
    return klaviyo_api.KlaviyoAPI(KEY, max_retries=1, test_host=url)


def test_the_python_sdk_reads_every_answer_into_its_models(sdk):
    ada = of("profile", {"email": "ada@shop.cn", "phone_number": "+8613800138000", "properties": {"m": ["cotton"]}})
    made = sdk.Profiles.create_or_update_profile(ada).data
    sdk.Profiles.update_profile(made.id, of("profile", {"first_name": "Ada"}, id=made.id))
    one = sdk.Profiles.get_profile(made.id, additional_fields_profile=["subscriptions"], include=["lists"]).data
    assert one.attributes.first_name == "Ada"
    assert one.attributes.subscriptions.sms.marketing.consent == "NEVER_SUBSCRIBED"
    job = sdk.Profiles.bulk_import_profiles(
        of(
            "profile-bulk-import-job",
            {"profiles": {"data": [{"type": "profile", "attributes": {"email": "bo@shop.cn"}}]}},
        )
    ).data
    assert job.attributes.status == "queued"
    assert sdk.Profiles.get_bulk_import_profiles_job(job.id).data.attributes.created_at
    metric = of("metric", {"name": "Placed Order"})
    event = {
        "metric": metric,
        "properties": {"n": 1},
        "value": 9.5,
        "unique_id": "1",
        "profile": of("profile", {"email": "ada@shop.cn"}),
    }
    sdk.Events.create_event(of("event", event))
    [order] = sdk.Events.get_events(include=["profile", "metric"], sort="-datetime").data
    assert order.attributes.event_properties["$value"] == 9.5
    metric_id = sdk.Metrics.get_metrics(filter='equals(integration.name,"API")').data[0].id
    assert sdk.Metrics.get_metric(metric_id).data.attributes.name == "Placed Order"
    segment = sdk.Segments.create_segment(of("segment", {"name": "S", "definition": COTTON})).data
    assert (segment.attributes.is_starred, segment.attributes.is_processing) == (False, False)
    assert [one.id for one in sdk.Segments.get_profiles_for_segment(segment.id).data] == [made.id]
    assert (
        sdk.Segments.update_segment(segment.id, of("segment", {"name": "T"}, id=segment.id)).data.attributes.name == "T"
    )
    assert sdk.Segments.get_segments(filter='equals(name,["T"])').data[0].id == segment.id
    action = {"temporary_id": "a", "type": "send-sms", "links": {"next": None}, "data": {"message": {"body": "hi"}}}
    definition = {"triggers": [{"type": "metric", "id": metric_id}], "entry_action_id": "a", "actions": [action]}
    flow = sdk.Flows.create_flow(of("flow", {"name": "F", "definition": definition})).data
    assert sdk.Flows.update_flow(flow.id, of("flow", {"status": "live"}, id=flow.id)).data.attributes.status == "live"
    assert len(sdk.Flows.get_actions_for_flow(flow.id).data) == 1
    sdk.Flows.delete_flow(flow.id)
    sdk.Segments.delete_segment(segment.id)
    group = sdk.Lists.create_list(of("list", {"name": "L"})).data
    sdk.Lists.add_profiles_to_list(group.id, {"data": [{"type": "profile", "id": made.id}]})
    assert [one.id for one in sdk.Lists.get_profiles_for_list(group.id).data] == [made.id]
    suppress = of(
        "profile-suppression-bulk-create-job",
        {"profiles": {"data": [{"type": "profile", "attributes": {"email": "bo@shop.cn"}}]}},
    )
    assert sdk.Profiles.bulk_suppress_profiles(suppress).data.attributes.total_count == 1
    template = of("template", {"name": "T", "editor_type": "CODE", "html": "<p>x</p>"})
    assert sdk.Templates.create_template(template).data.attributes.name == "T"
    assert sdk.Campaigns.get_campaigns(filter="equals(messages.channel,'sms')").data == []
    assert sdk.Accounts.get_accounts().data[0].attributes.test_account


def test_the_python_sdk_follows_every_page_by_its_link(sdk):
    for at in range(45):
        sdk.Profiles.create_or_update_profile(of("profile", {"external_id": f"s{at}"}))
    seen, cursor = [], None
    while True:
        page = sdk.Profiles.get_profiles(page_size=20, sort="-created", page_cursor=cursor)
        seen += [one.attributes.external_id for one in page.data]
        cursor = page.links.next
        if cursor is None:
            break
    assert seen == [f"s{at}" for at in reversed(range(45))]


def test_the_sandbox_names_what_it_lacks_to_the_python_sdk(sdk):
    exceptions = pytest.importorskip("openapi_client.exceptions")
    with pytest.raises(exceptions.ApiException) as refused:
        sdk.Coupons.create_coupon(of("coupon", {"external_id": "C", "description": "x"}))
    assert refused.value.status == 501
    assert "create_coupon" in refused.value.body


def test_the_node_sdk_writes_and_reads_all_of_it(url):
    # The SDK is Node's, and comes from npm: work on the code needs neither.
    if trouble := npm.missing(NODE):
        pytest.skip(f"the sandbox was not driven by the official Node SDK: {trouble}")
    done = subprocess.run(
        ["node", str(NODE / "drive.cjs"), url, KEY], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "conflict": 409,
        "created": True,
        "consent": "NEVER_SUBSCRIBED",
        "pages": [["di@shop.cn", "cy@shop.cn", "bo@shop.cn"], ["ada@shop.cn"]],
        "events": 2,
        "included": ["profile"],
        "job": ["processing", "complete"],
        "members": ["ada@shop.cn"],
        "agreed": "SUBSCRIBED",
        "withdrawn": "UNSUBSCRIBED",
        "starred": True,
        "segment": ["ada@shop.cn"],
        "flow": "live",
        "actions": 1,
        "templates": 1,
        "campaigns": 0,
        "account": True,
        "unmodelled": 501,
    }


def test_the_table_of_operations_has_what_the_installed_sdk_has():
    pytest.importorskip("openapi_client", reason="the official SDK (klaviyo-api) is not installed")
    script = Path(__file__).with_name("operations.py")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
