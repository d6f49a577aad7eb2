"""
A shop whose shoppers can be forgotten: the three stages, a gateway's memory, Kafka, Klaviyo, a store and a database.

Everything but Kafka and Klaviyo is what runs in production; those two are the embedded broker and the sandbox.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

import httpx
import pytest
from pydantic import SecretStr
from recognized import recognized

from klaviyo_sink.access import open_client
from klaviyo_sink.sandbox.app import create_app
from klaviyo_sink.sandbox.server import listen, make_server, url_of
from klaviyo_sink.state.database import open_database
from ocr_worker.result import ReadImage, Reading, ReadQuality
from schemas.events import DeadLetter, Identity
from schemas.producer import Published, Upload
from streams.config.settings import Settings
from streams.erasure.forget import ErasureStep, Forgetting
from streams.erasure.guard import ForgottenShoppers
from streams.erasure.profiles import KlaviyoAccess
from streams.gateway.follower import Follower
from streams.gateway.forgotten import ForgottenUploads
from streams.gateway.memory import Memory
from streams.kafka.embedded.broker import EmbeddedBroker
from streams.kafka.reader import Seen, follow
from streams.runtime.dead_letters import letter_headers
from streams.runtime.stage import Record
from streams.runtime.track import Delivery, Partition
from streams.wiring import stages
from streams.wiring.assembly import assemble
from streams.wiring.clock import now
from streams.wiring.kafka import make_emitter, make_topics
from streams.wiring.klaviyo import make_sink, make_sink_config
from streams.wiring.photos import make_store, open_versions
from streams.wiring.uploads import make_uploads

KEY = "pk_everything"
GONE, STAYS = "shopper-gone", "shopper-stays"
EMAIL = "wang.fang@her-own-domain.cn"

#: Lists the places that hold one of the words.
Traces = Callable[[tuple[bytes, ...]], list[str]]


class Reads:
    """Reads the same of every photo."""

    async def read(self, _photo: bytes, **_: object) -> Reading:
        text = recognized("any", "100% cotton", "T-shirt")
        image = ReadImage(width=100, height=100, sha256="0" * 64)
        quality = ReadQuality(**text.quality.model_dump())
        return Reading(texts=text.texts, image=image, quality=quality, engine=text.engine, timings_ms={})


class World:
    """
    The three stages as their processes run them, each message handed over by the test.

    `traces` lists the places outside of `folder`, Klaviyo and the topics that hold one of some words.
    """

    def __init__(self, settings: Settings, http: httpx.AsyncClient, folder: Path, traces: Traces) -> None:
        self.settings, self.http, self.folder, self._traces = settings, http, folder, traces

    async def upload(self, shopper: str, *upload_ids: str, identity: dict[str, str] | None = None) -> None:
        async with make_uploads(self.settings) as producer:
            for upload_id in upload_ids:
                upload = Upload(
                    photo=b"photo", name="p.jpg", shopper_id=shopper, upload_id=upload_id, identity=identity
                )
                assert isinstance(await producer.publish(upload), Published)

    def set_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("bootstrap_servers", "store_url", "klaviyo_url"):
            monkeypatch.setenv(f"HANGTAG_{name.upper()}", getattr(self.settings, name))
        monkeypatch.setenv("HANGTAG_STATE_URL", self.settings.state_url.get_secret_value())
        monkeypatch.setenv("HANGTAG_KLAVIYO_KEY", KEY)

    async def bury(self, shopper: str, *, key: str) -> None:
        """Leave a letter of an upload of this shopper."""
        [first, *_] = [one for one in await asyncio.to_thread(self.messages) if one.key == shopper.encode()]
        facts = {"stage": "recognize", "exception_class": "x", "message": "m", "reason": "bug", "attempts": 1}
        topic = make_topics(self.settings).uploads.name
        letter = DeadLetter(topic=topic, partition=0, offset=first.offset, **facts)
        uploads = [one for one in await asyncio.to_thread(self.messages) if one.topic == topic]
        value = next(one.value for one in uploads if one.key == shopper.encode())
        emitter = make_emitter(self.settings)
        headers = letter_headers(first.headers, letter)
        assert await emitter.send(f"{topic}.dlq", key=key.encode(), value=value, headers=headers) is None
        await emitter.aclose()

    async def publish_again(self, event: dict) -> None:
        emitter = make_emitter(self.settings)
        topic, key = make_topics(self.settings).uploads.name, event["shopper_id"].encode()
        assert await emitter.send(topic, key=key, value=json.dumps(event).encode(), headers=[]) is None
        await emitter.aclose()

    async def make_topics(self) -> None:
        for topic in make_topics(self.settings).all():
            emitter = make_emitter(self.settings)
            # The embedded broker creates a topic when a client writes to it.
            assert await emitter.send(topic.name, key=b"k", value=b"{}", headers=[]) is None
            await emitter.aclose()

    async def replay(self, *names: str) -> None:
        """Have each stage work through its whole topic, one after the other."""
        emitter, sink = make_emitter(self.settings), await make_sink(self.settings)
        forgotten = ForgottenShoppers(self.settings.state_url.get_secret_value())
        plans = (
            stages.recognize(self.settings, pool=Reads()),
            stages.tag(self.settings),
            stages.sync(self.settings, sink=sink),
        )
        for plan in plans:
            if names and plan.name not in names:
                continue
            stage = (await assemble(plan, emitter=emitter, forgotten=forgotten)).stage
            for seen in await asyncio.to_thread(lambda: list(follow(self.settings, [stage.topic.name]))):  # noqa: B023 - called at once
                record = Record(seen.key, seen.value, seen.headers, seen.timestamp)
                place = Partition(seen.topic, seen.partition)
                assert await stage.process(Delivery(place, seen.key, seen.offset, record, attempts=1)) is None
        await emitter.aclose()
        await sink.aclose()
        forgotten.close()

    async def forget(self, shopper: str = GONE, **options: bool) -> dict[str, int]:
        steps = await self.forget_in_steps(shopper, **options)
        assert options.get("dry_run") or [step.trouble for step in steps if step.trouble] == []
        return {step.what: step.removed for step in steps}

    async def forget_in_steps(
        self,
        shopper: str,
        *,
        soft: bool = False,
        include_shared: bool = False,
        dry_run: bool = False,
        identity: Identity | None = None,
    ) -> list[ErasureStep]:
        config = make_sink_config(self.settings)
        erasing = replace(config, key=self.settings.klaviyo_erasure_key)
        engine = open_database(config.state_url)
        self.waited: list[float] = []

        async def sleep(seconds: float) -> None:
            self.waited.append(seconds)

        async with (
            open_client(config) as writer,
            open_client(erasing) as eraser,
            open_versions(self.settings) as versions,
        ):
            access = KlaviyoAccess(
                writer, None if soft else eraser, config.names.every, include_shared=include_shared, sleep=sleep
            )
            store = make_store(self.settings)
            forgetting = Forgetting(self.settings, engine, store, access, now, dry_run=dry_run, versions=versions)
            steps = [step async for step in forgetting.run(shopper, identity or Identity(external_id=shopper))]
        engine.dispose()
        return steps

    def messages(self) -> list[Seen]:
        names = [topic.name for topic in make_topics(self.settings).all()]
        return list(follow(self.settings, names))

    async def sandbox(self) -> dict:
        return (await self.http.get("/sandbox/state")).json()

    async def remains(self, since: int) -> list[str]:
        """List the places where anything of the shopper is left, topics from their message number `since` on."""
        words = (GONE.encode(), EMAIL.encode())
        found = [path for path in self.folder.rglob("*") if path.is_file()]
        places = {str(path): path.name.encode() + str(path).encode() + path.read_bytes() for path in found}
        places["sandbox"] = json.dumps(await self.sandbox()).encode()
        seen = await asyncio.to_thread(self.messages)
        new = sorted(seen, key=lambda one: one.timestamp)[since:]
        places |= {f"{one.topic}:{one.offset}": (one.key or b"") + (one.value or b"") for one in new}
        there = [place for place, content in places.items() if any(word in content for word in words)]
        return sorted([*there, *await asyncio.to_thread(self._traces, words)])


class Gateway:
    """What a gateway remembers, kept up to date as its process does it."""

    def __init__(self, settings: Settings) -> None:
        self._ledger = ForgottenShoppers(settings.state_url.get_secret_value())
        self.memory = Memory(keep_s=3600, most=1000)
        self.forgotten = ForgottenUploads(self.memory, self._ledger)
        self.crashes: list[Exception] = []
        self._follower = Follower(
            settings, self.memory, crash=self.crashes.append, ledger=self._ledger, owners=self.forgotten
        )

    async def __aenter__(self) -> Self:
        self._follower.start()
        self._dropping = asyncio.create_task(self.forgotten.keep_dropping())
        async with asyncio.timeout(120):
            while not self._follower.caught_up:
                await asyncio.sleep(0.05)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._dropping.cancel()
        await self._follower.aclose()
        self._ledger.close()
        assert self.crashes == []

    def text(self) -> str:
        """Return everything in its memory."""
        return repr((vars(self.memory), vars(self.forgotten)))


@asynccontextmanager
async def running_world(folder: Path, *, state_url: str, store_url: str, traces: Traces) -> AsyncIterator[World]:
    """Start Kafka and Klaviyo for a world."""
    listening = listen("127.0.0.1", 0)
    server = make_server(create_app(KEY))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    klaviyo = url_of(listening)
    with EmbeddedBroker({topic.name: 1 for topic in make_topics(Settings()).all()}) as broker:
        settings = Settings(
            bootstrap_servers=broker.bootstrap_servers,
            store_url=store_url,
            state_url=state_url,
            klaviyo_url=klaviyo,
            klaviyo_key=SecretStr(KEY),
            klaviyo_erasure_key=SecretStr(KEY),
        )
        async with httpx.AsyncClient(base_url=klaviyo, trust_env=False) as http:
            yield World(settings, http, folder, traces)
    server.should_exit = True
    await serving


@asynccontextmanager
async def local_world(folder: Path) -> AsyncIterator[World]:
    """Start a world whose state and photos are files of the folder."""
    state, photos = f"sqlite:///{folder}/state/state.db", f"file:{folder}/photos"
    async with running_world(folder, state_url=state, store_url=photos, traces=lambda _words: []) as world:
        yield world
