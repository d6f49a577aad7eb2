"""`hangtag gateway` as its users have it: real HTTP, a real photo store on disk, the embedded broker."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from schemas.codec import Headers, encode
from schemas.events import DeadLetter, Event, Messages, UploadFeedback
from streams.cli.main import app
from streams.config.settings import Settings, child_environment
from streams.gateway.app import GatewayConfig, create_app
from streams.gateway.follower import Follower
from streams.gateway.memory import Memory
from streams.kafka.reader import follow
from streams.runtime.dead_letters import letter_headers
from streams.wiring.kafka import make_emitter, make_topics
from streams.wiring.uploads import make_uploads

TOKEN = {"Authorization": "Bearer planted"}
JPEG = b"\xff\xd8\xff\xe0 as far as anyone looks here"


@pytest.fixture
def settings(broker, tmp_path) -> Settings:
    return Settings(
        bootstrap_servers=broker.address,
        store_url=f"file:{tmp_path}",
        state_url=f"sqlite:///{tmp_path}/state.db",
        gateway_port=0,
        gateway_token="planted",
        gateway_publish_s=1,
    )


@contextmanager
def process(settings: Settings) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A gateway as a process of its own, and its URL."""
    environment = child_environment(**settings.model_dump(exclude_unset=True) | {"gateway_token": "planted"})
    started = subprocess.Popen(
        [sys.executable, "-m", "streams", "gateway"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert started.stdout is not None
        yield started.stdout.readline().split()[-1], started
    finally:
        started.terminate()
        _, said = started.communicate(timeout=20)
        assert "planted" not in said
        assert "anna" not in said


@asynccontextmanager
async def in_here(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Another one, in this process."""
    memory = Memory(keep_s=60, most=10)
    follower = Follower(settings, memory, crash=pytest.fail)
    emitter = make_emitter(settings, patience_s=settings.gateway_publish_s)
    config = GatewayConfig(settings.gateway_token, 1000, in_flight=1, streams=1, remember_s=60)
    gateway = create_app(
        config,
        make_uploads(settings, emitter=emitter),
        memory,
        ready=lambda: follower.caught_up,
        beside=nullcontext,
    )
    follower.start()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(gateway), base_url="http://other", headers=TOKEN
    ) as client:
        yield client
    await follower.aclose()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Ask, for at most twenty seconds, until the answer is yes."""
    async with asyncio.timeout(20):
        while not await holds():
            await asyncio.sleep(0.02)


async def answers(client: httpx.AsyncClient, path: str) -> bool:
    return (await client.get(path)).status_code == 200


def form() -> dict[str, Any]:
    return {"files": {"photo": JPEG}, "data": {"shopper_id": "anna"}, "headers": {"Idempotency-Key": "k1"}}


async def publish(settings: Settings, topic: str, event: Event) -> None:
    await send(settings, topic, *encode(event, source="test"))


async def send(settings: Settings, topic: str, value: bytes, headers: Headers) -> None:
    emitter = make_emitter(settings)
    assert await emitter.send(topic, key=b"anna", value=value, headers=headers) is None
    await emitter.aclose()


async def failed(client: httpx.AsyncClient, path: str) -> bool:
    return (await client.get(path)).json()["failure"] == {"stage": "tag", "reason": "not-json"}


async def test_uploads_go_in_and_feedback_comes_out_of_every_gateway(broker, settings):
    topics = make_topics(settings)
    with process(settings) as (url, stopping):
        async with in_here(settings) as other, httpx.AsyncClient(base_url=url, headers=TOKEN, timeout=20) as one:
            await until(lambda: answers(one, "/readyz"))
            await until(lambda: answers(other, "/readyz"))
            answer = await other.post("/uploads", **form())
            assert answer.status_code == 202
            where = answer.headers["location"]
            await until(lambda: answers(one, where))
            assert (await one.post("/uploads", **form())).json()["upload_id"] == where.removeprefix("/uploads/")
            published = await asyncio.to_thread(lambda: list(follow(settings, [topics.uploads.name])))
            assert len(published) == 1, "not even by another gateway"

            async with one.stream("GET", f"{where}/events") as stream:
                lines = stream.aiter_lines()
                await told(lines)
                moment = datetime.now(UTC)
                feedback = UploadFeedback(
                    upload_id=where.removeprefix("/uploads/"),
                    shopper_id="anna",
                    uploaded_at=moment,
                    code="blurry",
                    messages=Messages(zh="建议上传更清晰的图片", en="Please upload a clearer photo"),
                    judged_at=moment,
                )
                await publish(settings, topics.feedback.name, feedback)
                assert (await told(lines))["feedback"]["messages"]["en"] == "Please upload a clearer photo"
                stopping.send_signal(signal.SIGTERM)
                assert [line async for line in lines] == [""], "a stream ends when its gateway stops"
            assert await asyncio.to_thread(stopping.wait, 10) in {0, -signal.SIGTERM}

            letter = DeadLetter(
                topic=topics.texts.name,
                partition=0,
                offset=0,
                stage="tag",
                exception_class="x",
                message="m",
                reason="not-json",
                attempts=1,
            )
            ce_id = ("ce_id", where.removeprefix("/uploads/").encode())
            await send(settings, topics.texts_dlq.name, b"{", letter_headers([ce_id], letter))
            await until(lambda: failed(other, where))

            broker.strike(fault="down")
            away = await other.post("/uploads", **form() | {"headers": {}})
            assert away.status_code == 503
            assert int(away.headers["retry-after"]) >= 1
            assert away.json()["type"] == "urn:hangtag:problem:undelivered"


async def told(lines: AsyncIterator[str]) -> dict[str, Any]:
    """Return the next event of a stream."""
    async for line in lines:
        if line.startswith("data: "):
            status: dict[str, Any] = json.loads(line.removeprefix("data: "))
            return status
    raise AssertionError("the stream ended")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HOST", "0.0.0.0", "set HANGTAG_GATEWAY_TOKEN"),
        ("TLS_KEY", "key.pem", "HANGTAG_GATEWAY_TLS_CERT"),
        ("TLS_CERT", "no-such.pem", "Cannot use the TLS certificate"),
    ],
)
def test_a_gateway_that_would_be_unsafe_does_not_start(monkeypatch, name: str, value: str, said: str):
    monkeypatch.setenv(f"HANGTAG_GATEWAY_{name}", value)
    ended = CliRunner().invoke(app, ["gateway"])
    assert ended.exit_code == 2
    assert said in ended.output
