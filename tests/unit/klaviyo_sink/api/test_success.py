"""Only the exact answer that Klaviyo's schema gives for a call is a success."""

import json

import httpx
import pytest

from klaviyo_sink.api.client import KlaviyoClient, PrivateKey
from klaviyo_sink.api.success import SUCCESS, Accepted, read_success
from klaviyo_sink.sink import Written
from schemas.outcomes import Later

JSON = "application/vnd.api+json"
PORTAL = b"<html><body>Welcome to Airport Wi-Fi</body></html>"


def answering(config, answer):
    async def handle(_request):
        return answer

    return KlaviyoClient(
        config.url,
        PrivateKey(config.key),
        revision=config.revision,
        timeout_s=9,
        transport=httpx.MockTransport(handle),
    )


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=PORTAL, headers={"content-type": "text/html"}),
        httpx.Response(202, content=PORTAL, headers={"content-type": "text/html"}),
        httpx.Response(200, content=b'{"data": {"type": "ev', headers={"content-type": JSON}),
        httpx.Response(200, json={"data": []}),
        httpx.Response(204),
        httpx.Response(201),
    ],
)
async def test_an_answer_that_is_not_klaviyos_loses_no_upload(config, outfit, sink, sandbox, answer):
    real = sink._client._http
    sink._client._http = answering(config, answer)._http
    failure = await sink.sync(outfit())
    assert isinstance(failure, Later)
    assert failure.tries is None, "an outage of the way to Klaviyo lasts as long as it lasts"
    sink._client._http = real
    assert isinstance(await sink.sync(outfit()), Written)
    assert len((await sandbox.state())["events"]) == 1


GOOD = {
    "profile": {"type": "profile", "id": "01A", "attributes": {}},
    "profile-bulk-import-job": {"type": "profile-bulk-import-job", "id": "1", "attributes": {"status": "queued"}},
    "import-error": {"type": "import-error", "id": "1", "attributes": {"code": "x", "title": "x"}},
}


def good(expected):
    if expected.resource is None:
        return b""
    one = GOOD.get(expected.resource, {"type": expected.resource, "id": "1", "attributes": {}})
    return json.dumps({"data": [one] if expected.many else one}).encode()


@pytest.mark.parametrize("operation", SUCCESS)
def test_each_call_takes_its_own_answer_and_no_other(operation):
    expected = SUCCESS[operation]
    [status, *_] = expected.statuses
    whole = good(expected)
    assert isinstance(read_success(operation, status, JSON, whole), Accepted)
    others = {200, 201, 202, 204, 206} - expected.statuses
    assert all(isinstance(read_success(operation, other, JSON, whole), Later) for other in others)
    assert isinstance(read_success(operation, status, "text/html", PORTAL), Later)
    if expected.resource is None:
        return
    assert isinstance(read_success(operation, status, "text/html", whole), Later)
    assert all(isinstance(read_success(operation, status, JSON, whole[:cut]), Later) for cut in range(len(whole)))
    for strange in (None, [], {}, {"data": None}, {"data": {}}, {"data": [{}]}, {"data": {"type": "list", "id": "1"}}):
        empty_page = expected.many and strange == {"data": []}
        assert empty_page or isinstance(read_success(operation, status, JSON, json.dumps(strange).encode()), Later)
