"""The gateway over HTTP: it accepts a photo once, and refuses as problem+json."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from gateway_world import JPEG, TOKEN, World, app_of, form
from worker_http import problem

from klaviyo_sink.state.ledgers import digest
from schemas.events import Identity, Messages, UploadFeedback
from schemas.outcomes import Later, Misconfigured
from streams.gateway.memory import Memory


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def client(world) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app_of(world))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=TOKEN) as asking:
        yield asking


def gateway(world: World, memory: Memory | None = None, **config: object) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app_of(world, memory, **config))
    return httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=TOKEN)


async def test_a_photo_is_stored_then_published_and_its_status_can_be_read(client, world):
    answer = await client.post("/uploads", **form(locale="zh-CN"))

    assert answer.status_code == 202
    (event,) = world.events
    assert event.identity == Identity(external_id="anna")
    assert (event.shopper_id, event.locale) == ("anna", "zh-CN")
    assert event.photo.content_type == "image/jpeg", "what it is, is told by its bytes"
    assert answer.headers["location"] == f"/uploads/{event.upload_id}"
    assert answer.json()["upload_id"] == event.upload_id
    status = await client.get(answer.headers["location"])
    assert status.status_code == 200
    assert status.json() == answer.json()


async def test_an_address_is_accepted_only_where_the_shop_allows_it(client, world):
    refused = await client.post("/uploads", **form(email="bea@shop.cn"))
    assert problem(refused, 422) == "email-not-allowed"
    assert not world.photos
    assert not world.events
    async with gateway(world, allow_email=True) as allowing:
        assert (await allowing.post("/uploads", **form(email="bea@shop.cn"))).status_code == 202
        invalid = await allowing.post("/uploads", **form(email="call me"))
    assert world.events[0].identity.email == "bea@shop.cn"
    assert problem(invalid, 422) == "invalid-upload"
    assert "call me" not in invalid.text


OTHER = JPEG + b"!"


@pytest.mark.parametrize("photo", [OTHER, b"\x89PNG\r\n\x1a\n as far as anyone looks here"], ids=["JPEG", "PNG"])
async def test_a_key_does_not_bring_another_photo_in_once_it_is_no_longer_remembered(world, photo):
    key = {"Idempotency-Key": "k1"}
    async with gateway(world) as client:
        first = await client.post("/uploads", **form(), headers=key)
    async with gateway(world, Memory(keep_s=60, most=100), publish_s=0) as later:
        second = await later.post("/uploads", **form(photo), headers=key)
    assert problem(second, 422) == "key-reused"
    assert first.json()["upload_id"] in second.json()["detail"]
    assert second.headers["location"] == first.headers["location"]
    assert list(world.photos.values()) == [JPEG]
    assert len(world.events) == 1


@pytest.mark.parametrize(("photo", "status"), [(JPEG, 202), (OTHER, 422)], ids=["same photo", "another photo"])
async def test_two_gateways_with_one_key_publish_one_upload(world, photo, status):
    key, memory = {"Idempotency-Key": "k1"}, Memory(keep_s=60, most=100)
    world.gate = asyncio.Event()
    async with gateway(world) as one, gateway(world, memory) as other:
        first = asyncio.create_task(one.post("/uploads", **form(), headers=key))
        while not world.photos:
            await asyncio.sleep(0)
        second = asyncio.create_task(other.post("/uploads", **form(photo), headers=key))
        for _ in range(1000):
            await asyncio.sleep(0)
        world.gate.set()
        accepted = await first
        # As the topic tells the other gateway.
        memory.note(world.events[0], datetime.now(UTC))
        assert (accepted.status_code, (await second).status_code) == (202, status)
    assert len(world.events) == 1
    assert list(world.photos.values()) == [JPEG]


async def test_an_upload_whose_gateway_ended_before_it_was_published_is_published_by_the_next(world):
    key = {"Idempotency-Key": "k1"}
    world.kafka_says = Later("undelivered", "no broker")
    async with gateway(world) as client:
        assert (await client.post("/uploads", **form(), headers=key)).status_code == 503
    world.kafka_says = None
    async with gateway(world, Memory(keep_s=60, most=100), publish_s=-2) as other:
        assert (await other.post("/uploads", **form(), headers=key)).status_code == 202
    assert len(world.events) == 1


async def test_the_gateway_neither_shows_nor_accepts_uploads_of_a_forgotten_shopper(client, world):
    key = {"Idempotency-Key": "k1"}
    annas = (await client.post("/uploads", **form(), headers=key)).headers["location"]
    bobs = (await client.post("/uploads", **form(shopper_id="bob"))).headers["location"]
    stored = dict(world.photos)
    world.ledger.add(digest("anna"))
    assert problem(await client.get(annas), 404) == "unknown-upload"
    assert problem(await client.get(f"{annas}/events"), 404) == "unknown-upload"
    # With the key of an earlier upload, and without.
    for headers in (key, {}):
        assert problem(await client.post("/uploads", **form(), headers=headers), 403) == "forgotten"
    assert (world.photos, len(world.events)) == (stored, 2)
    assert len(world.memory) == 1
    assert (await client.get(bobs)).status_code == 200


async def test_the_same_key_is_the_same_upload_and_is_published_once(client, world):
    key = {"Idempotency-Key": "k1"}
    first = await client.post("/uploads", **form(), headers=key)
    again = await client.post("/uploads", **form(), headers=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert len(world.events) == 1

    await client.post("/uploads", **form(shopper_id="bob"), headers=key)
    assert len({event.upload_id for event in world.events}) == 2, "a key is the shopper's own"
    assert problem(await client.post("/uploads", **form(JPEG + b"!"), headers=key), 422) == "key-reused"


async def test_a_key_that_is_under_way_is_not_published_twice(client, world):
    world.gate = asyncio.Event()
    key = {"Idempotency-Key": "k1"}
    first = asyncio.create_task(client.post("/uploads", **form(), headers=key))
    while not world.photos:
        await asyncio.sleep(0)
    second = await client.post("/uploads", **form(), headers=key)
    assert problem(second, 409) == "under-way"
    assert second.headers["retry-after"]
    world.gate.set()
    assert (await first).status_code == 202
    assert len(world.events) == 1


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"data": {"shopper_id": "anna"}, "files": {"other": JPEG}}, 422, "one-image"),
        ({"data": {"shopper_id": "anna", "photo": "text"}, "files": {"other": JPEG}}, 422, "one-image"),
        ({"data": {"shopper_id": "anna"}, "files": [("photo", JPEG), ("photo", JPEG)]}, 422, "one-image"),
        ({"files": {"photo": JPEG}}, 422, "bad-field"),
        ({"data": {"shopper_id": ""}, "files": {"photo": JPEG}}, 422, "bad-field"),
        ({"data": {"shopper_id": ["a", "b"]}, "files": {"photo": JPEG}}, 422, "bad-field"),
        ({"data": {"shopper_id": "a\nb"}, "files": {"photo": JPEG}}, 422, "invalid-upload"),
        ({"data": {"shopper_id": "anna", "email": "call me"}, "files": {"photo": JPEG}}, 422, "email-not-allowed"),
        ({"data": {"shopper_id": "anna"}, "files": {"photo": b"GIF? no"}}, 415, "unsupported"),
        ({"data": {"shopper_id": "anna"}, "files": {"photo": b""}}, 415, "unsupported"),
        ({"data": {"shopper_id": "anna"}, "files": {"photo": JPEG + bytes(1000)}}, 413, "too-large"),
        ({"data": {"shopper_id": "anna"}, "files": {"photo": JPEG + bytes(100_000)}}, 413, "too-large"),
        ({"json": {"shopper_id": "anna"}}, 415, "not-multipart"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 422, "bad-multipart"),
        (form() | {"headers": {"Idempotency-Key": "k" * 256}}, 400, "bad-key"),
        (form() | {"headers": {"Idempotency-Key": ""}}, 400, "bad-key"),
        (form() | {"headers": {"Authorization": "Bearer other"}}, 401, "unauthorized"),
        (form() | {"headers": {"Authorization": "Basic planted"}}, 401, "unauthorized"),
    ],
)
async def test_an_invalid_request_is_refused_and_leaves_nothing(client, world, request_, status: int, code: str):
    answer = await client.post("/uploads", **request_)
    assert problem(answer, status) == code
    assert not world.photos
    assert not world.events
    assert "call me" not in answer.text


@pytest.mark.parametrize(
    ("world", "code"),
    [
        (World(kafka_says=Later("undelivered", "no broker")), "undelivered"),
        (World(store_says=Later("store-unreachable", "no store")), "store-unreachable"),
        (World(store_says=Misconfigured("store-refused", "no")), "store-refused"),
        (World(ready=False), "not-ready"),
    ],
)
async def test_an_outage_is_answered_with_retry_after(client, world, code: str):
    answer = await client.post("/uploads", **form(), headers={"Idempotency-Key": "k"})
    assert problem(answer, 503) == code
    assert int(answer.headers["retry-after"]) >= 1
    assert not world.events

    world.kafka_says = world.store_says = None
    world.ready = True
    assert (await client.post("/uploads", **form(), headers={"Idempotency-Key": "k"})).status_code == 202
    assert len(world.events) == 1


async def test_more_photos_than_places_are_turned_away(client, world):
    world.gate = asyncio.Event()
    taken = [asyncio.create_task(client.post("/uploads", **form())) for _ in range(2)]
    while len(world.photos) < 2:
        await asyncio.sleep(0)
    assert problem(await client.post("/uploads", **form()), 503) == "busy"
    world.gate.set()
    assert [(await one).status_code for one in taken] == [202, 202]


async def test_feedback_reaches_the_front_end(client, world):
    where = (await client.post("/uploads", **form())).headers["location"]
    clearer = Messages(zh="建议上传更清晰的图片", en="Please upload a clearer photo")
    moment = datetime.now(UTC)
    common = {"upload_id": where.removeprefix("/uploads/"), "shopper_id": "anna", "uploaded_at": moment}
    world.memory.note(UploadFeedback(**common, code="blurry", messages=clearer, judged_at=moment), moment)

    feedback = (await client.get(where)).json()["feedback"]

    assert feedback == {"code": "blurry", "messages": clearer.model_dump()}


@pytest.mark.parametrize("where", ["/uploads/nobody", "/uploads/nobody/events"])
async def test_an_unknown_upload_is_answered_with_404(client, where: str):
    assert problem(await client.get(where), 404) == "unknown-upload"
    assert problem(await client.get(where, headers={"Authorization": "Bearer other"}), 401) == "unauthorized"


async def test_every_answer_carries_the_headers_and_none_opens_it_to_other_pages(client):
    for answer in [await client.get("/healthz"), await client.get("/nowhere"), await client.post("/uploads")]:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "strict-transport-security" not in answer.headers
    secure = httpx.AsyncClient(transport=client._transport, base_url="https://gateway")
    assert (await secure.get("/healthz")).headers["strict-transport-security"]
    foreign = await client.options(
        "/uploads", headers={"Origin": "https://other", "Access-Control-Request-Method": "POST"}
    )
    assert foreign.status_code == 405
    assert not [name for name in foreign.headers if name.startswith("access-control")]


async def test_readiness_metrics_and_the_document_need_no_token(client, world):
    bare = {"Authorization": ""}
    assert (await client.get("/readyz", headers=bare)).text == "ready\n"
    world.ready = False
    assert problem(await client.get("/readyz", headers=bare), 503) == "not-ready"
    assert "hangtag_gateway_answers_total" in (await client.get("/metrics", headers=bare)).text
    document = (await client.get("/openapi.json", headers=bare)).json()
    assert set(document["paths"]["/uploads"]["post"]["responses"]) >= {"202", "401", "409", "413", "503"}
    body = document["paths"]["/uploads"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert body["required"] == ["photo", "shopper_id"]
    assert document["components"]["securitySchemes"] == {"bearer": {"type": "http", "scheme": "bearer"}}
