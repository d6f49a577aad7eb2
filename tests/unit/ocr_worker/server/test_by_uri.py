"""POST /ocr with `image_uri`: photos of the one store, and nothing else in the world."""

import asyncio
import json
import threading

import httpx
import pytest
from pydantic import SecretStr
from worker_http import problem

from ocr_worker.config import OcrConfig
from ocr_worker.engines.scripted import ScriptedEngine
from ocr_worker.result import Reading, Refused
from ocr_worker.server.app import create_app
from schemas.outcomes import Later, Never
from streams.config.settings import Settings
from streams.wiring.ocr import make_fetch


@pytest.fixture
def store(tmp_path):
    """A store with one photo, and secrets around it."""
    folder = tmp_path / "photos"
    folder.mkdir()
    (tmp_path / "secret.jpg").write_bytes(b"planted")
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    return folder


@pytest.fixture
def fetch(store):
    return make_fetch(Settings(store_url=f"file:{store}", photo_max_bytes=100_000), by_uri=True)


async def test_a_photo_of_the_store_is_read(worker, fetch, store, draw):
    (store / "a 1.jpg").write_bytes(draw())
    async with worker(ScriptedEngine(), fetch=fetch) as client:
        answer = await client.post("/ocr", json={"image_uri": f"{store.as_uri()}/a%201.jpg"})

    assert answer.status_code == 200
    assert Reading.model_validate(answer.json()).image.width == 800


@pytest.mark.parametrize(
    "uri",
    [
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:1/a.jpg",
        "https://example.com/a.jpg",
        "s3://other/a.jpg",
        "data:image/png;base64,AAAA",
        "{store}/../secret.jpg",
        "{store}/%2e%2e/secret.jpg",
        "{store}/..%2fsecret.jpg",
        "{store}/link.jpg",
        "{store}",
        "{store}x/secret.jpg",
        "a\x00b",
        "../secret.jpg",
    ],
)
async def test_nothing_outside_the_store_is_opened(worker, fetch, store, uri):
    async with worker(ScriptedEngine(), fetch=fetch) as client:
        answer = await client.post("/ocr", json={"image_uri": uri.format(store=store.as_uri())})

    assert problem(answer, 422) == "photo-not-ours"
    assert "planted" not in answer.text


@pytest.mark.parametrize(
    ("found", "status", "code"),
    [
        (Refused("too_large", "too large"), 413, "too-large"),
        (Later("photo-missing", "missing", tries=4), 500, "photo-missing"),
        (Later("store-unreachable", "down"), 503, "store-unreachable"),
        (Never("photo-not-ours", "no"), 422, "photo-not-ours"),
        (b"text", 415, "unsupported"),
        (b"", 400, "unreadable"),
    ],
)
async def test_every_failure_of_the_store_is_a_problem_with_its_own_status(worker, found, status, code):
    async def fetch(_: str):
        return found

    async with worker(ScriptedEngine(), fetch=fetch) as client:
        answer = await client.post("/ocr", json={"image_uri": "s3://photos/1.jpg"})

    assert problem(answer, status) == code


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"image_uri": 1}', b'{"image_uri": ""}', b"\xff", b"[" * 9000]
)
async def test_a_body_that_names_no_photo_is_refused(worker, fetch, body):
    async with worker(ScriptedEngine(), fetch=fetch) as client:
        answer = await client.post("/ocr", content=body, headers={"content-type": "application/json"})

    assert problem(answer, 422) == "bad-json"


async def test_the_longest_name_in_jsons_longest_spelling_is_accepted(worker, fetch):
    async with worker(ScriptedEngine(), fetch=fetch) as client:
        body = b'{"image_uri": "%b"}' % (b"\\ud862\\udc0f" * 2048)
        answer = await client.post("/ocr", content=body, headers={"content-type": "application/json"})

    assert problem(answer, 422) == "photo-not-ours"


async def test_a_name_of_megabytes_is_cut_off(worker, fetch):
    async with worker(ScriptedEngine(), fetch=fetch) as client:
        answer = await client.post("/ocr", json={"image_uri": "x" * 1_000_000})

    assert problem(answer, 413) == "too-large"


async def test_a_caller_who_leaves_ends_the_fetching_too(serve):
    """Over real sockets: the store never answers, the caller hangs up, and nothing is left under way."""
    began, ended = threading.Event(), threading.Event()

    async def fetch(_: str):
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    url = serve(create_app(OcrConfig(), ScriptedEngine(), fetch=fetch))
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        post = asyncio.create_task(client.post("/ocr", json={"image_uri": "s3://photos/1.jpg"}))
        assert await asyncio.to_thread(began.wait, 10)
        post.cancel()
        assert await asyncio.to_thread(ended.wait, 10)
        await asyncio.gather(post, return_exceptions=True)


async def test_the_document_describes_both_request_forms_and_every_answer(worker, fetch):
    async with worker(ScriptedEngine(), OcrConfig(token=SecretStr("right")), fetch=fetch) as client:
        document = (await client.get("/openapi.json")).json()

    operation = document["paths"]["/ocr"]["post"]
    assert set(operation["requestBody"]["content"]) == {"multipart/form-data", "application/json"}
    assert set(operation["responses"]) == {"200", "400", "401", "408", "413", "415", "422", "500", "503"}
    for status, answer in operation["responses"].items():
        kinds = ["application/json"] if status == "200" else ["application/problem+json"]
        assert list(answer["content"]) == kinds
        assert answer["content"][kinds[0]]["schema"]
    assert operation["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert "planted" not in json.dumps(document)
