"""A run where all goes wrong: no log says what a shopper photographed, who they are, or a secret."""

import asyncio
import hashlib
import io
import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest
from PIL import Image
from sync_process import read, running, tagged

from ocr_worker.scripted import _PHRASES
from schemas.codec import encode
from schemas.events import Identity, Photo, PhotoUploaded
from schemas.topics import dlq_name
from streams import wiring
from streams.settings import Settings

KEY, TOKEN, PASSWORD = "pk_planted_key", "planted-bearer-token", "planted-db-password"
EMAIL, PHONE = "planted.person@wardrobe.cn", "+8613812345678"
MARK = "PLANTED-IMAGE-BYTES"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
GOOD = 6


def until(condition: Callable[[], bool], *, limit_s: float = 90) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def photo(shade: int) -> bytes:
    """Draw a photo that carries the mark, as cameras write comments."""
    out = io.BytesIO()
    Image.new("L", (64, 64), shade).save(out, "JPEG", comment=MARK.encode())
    return out.getvalue()


@pytest.fixture
def settings(broker, tmp_path) -> Settings:
    return Settings(bootstrap_servers=broker.address, store_url=f"file:{tmp_path}/photos")


async def publish(settings: Settings) -> set[str]:
    """Publish good uploads and all kinds of bad ones; give the texts that the good ones' photos hold."""
    store, emitter, topics = wiring.make_store(settings), wiring.make_emitter(settings), wiring.make_topics(settings)
    texts = set()

    async def send(topic: str, value: bytes, headers: list[tuple[str, bytes | None]]) -> None:
        assert await emitter.send(topic, key=b"s", value=value, headers=headers) is None

    async def upload(name: str, stored: bytes | None, *, sha256: str | None = None) -> None:
        uri = await store.put(shopper_id="s", upload_id=name, suffix=".jpg", photo=stored or b"")
        assert isinstance(uri, str)
        if stored is None:
            await store.remove(uri)
        event = PhotoUploaded(
            upload_id=name,
            shopper_id="s",
            uploaded_at=datetime.now(UTC),
            photo=Photo(uri=uri, sha256=sha256),
            identity=Identity(email=EMAIL),
        )
        cause = [("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01".encode())]
        await send(topics.uploads.name, *encode(event, source="test", cause=cause))

    for shade in range(GOOD):
        texts.add(f"photo {hashlib.sha256(photo(shade)).hexdigest()[:16]}")
        await upload(f"good-{shade}", photo(shade))
    await upload("missing", None)
    await upload("garbage", MARK.encode() * 9)
    await upload("changed", photo(99), sha256="0" * 64)
    person = json.dumps({"schema_version": 1, "upload_id": EMAIL, "phone_number": PHONE, "texts": [MARK]}).encode()
    for topic in (topics.uploads, topics.texts, topics.tags):
        await send(topic.name, f"{EMAIL} {PHONE} {MARK}".encode(), [])
        await send(topic.name, person, [])
    refused = tagged("refused", Identity(email=EMAIL.replace("wardrobe.cn", "example.com")))
    await send(topics.tags.name, *encode(refused, source="test"))
    await emitter.aclose()
    return texts


def test_no_log_holds_a_secret_or_what_was_photographed_and_lines_name_their_upload(broker, settings, tmp_path):
    logs = {name: tmp_path / f"{name}.log" for name in ("klaviyo", "ocr", "stages", "broken")}
    common = {"log_format": "json", "log_level": "debug", "bootstrap_servers": broker.address}
    ocr = {**common, "ocr_engine": "scripted", "ocr_token": TOKEN}
    stages = {
        **common,
        "store_url": settings.store_url,
        "ocr_token": TOKEN,
        "klaviyo_key": KEY,
        "state_url": f"sqlite:///{tmp_path}/state.db",
        "session_timeout_s": 6,
        "retry_base_s": 0.1,
        "retry_cap_s": 0.5,
    }
    topics = wiring.make_topics(settings)

    def letters() -> int:
        return sum(len(read(settings, dlq_name(topic.name))) for topic in (topics.uploads, topics.texts, topics.tags))

    with (
        running(logs["klaviyo"], "klaviyo", "sandbox", "--port", "0", "--key", KEY) as sandbox,
        running(logs["ocr"], "ocr", "serve", "--port", "0", **ocr) as worker,
    ):
        klaviyo, url = (process.stdout.readline().split()[-1] for process in (sandbox, worker))
        # One worker that is not there, and Klaviyo's key not taken, then a limit and an outage.
        stages |= {"klaviyo_url": klaviyo, "ocr_urls": json.dumps(["http://127.0.0.1:1", url])}
        with (
            httpx.Client(base_url=klaviyo, trust_env=False) as http,
            running(logs["stages"], "worker", "all", **stages),
        ):
            http.post("/sandbox/faults", json={"faults": [{"status": 401}]}).raise_for_status()
            texts = asyncio.run(publish(settings))
            until(lambda: "cannot go on until this is fixed" in logs["stages"].read_text())
            faults = [{"status": 429, "retry_after": "1", "share": 0.5}, {"status": 500}]
            http.post("/sandbox/faults", json={"faults": faults, "requests": 4}).raise_for_status()
            until(lambda: len(read(settings, topics.profiles.name)) >= GOOD and letters() >= 9)
    unreachable = f"postgresql+psycopg://hangtag:{PASSWORD}@127.0.0.1:1/hangtag"
    with running(logs["broken"], "worker", "sync", **stages | {"state_url": unreachable}):
        until(lambda: bool(logs["broken"].read_text()))

    said = {name: log.read_text() for name, log in logs.items()}
    planted = {KEY, TOKEN, PASSWORD, EMAIL, EMAIL.partition("@")[0], PHONE, PHONE[1:], MARK, *texts, *_PHRASES}
    assert {(name, one) for name, text in said.items() for one in planted if one in text} == set()
    lines = [json.loads(line) for line in said["stages"].splitlines() if line.startswith("{")]
    reasons = {line["reason"] for line in lines if "reason" in line}
    assert {"unauthorized", "throttled", "photo-missing", "photo-changed", "not-json", "invalid-event"} <= reasons, (
        reasons
    )
    assert {line["upload_id"] for line in lines if line.get("reason") == "photo-missing"} == {"missing"}
    of_one = [line for line in lines if line.get("upload_id", "").startswith(("good", "missing", "changed"))]
    assert of_one
    assert {line["trace_id"] for line in of_one} == {TRACE}
    assert re.search(r'"verdict"', said["ocr"]), "the OCR worker read, and said so"
