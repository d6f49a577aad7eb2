"""A gateway whose photo store and Kafka take what they are given, or say why not."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from schemas.codec import decode
from schemas.emitter import Delivered
from schemas.events import PhotoUploaded
from schemas.outcomes import Later, Misconfigured, Never
from schemas.producer import UploadProducer
from streams.gateway.app import GatewayConfig, create_app
from streams.gateway.memory import Memory
from streams.gateway.middleware import EveryAnswer

JPEG = b"\xff\xd8\xff\xe0 as far as anyone looks here"
TOKEN = {"Authorization": "Bearer planted"}


@dataclass
class World:
    """Stands for the photo store and Kafka, which take what they are given or say why not."""

    photos: list[str] = field(default_factory=list)
    events: list[PhotoUploaded] = field(default_factory=list)
    store_says: Later | Misconfigured | None = None
    kafka_says: Later | Never | None = None
    ready: bool = True
    gate: asyncio.Event | None = None
    memory: Memory = field(default_factory=lambda: Memory(keep_s=60, most=100))

    async def put(self, *, shopper_id: str, upload_id: str, suffix: str, photo: bytes) -> str | Later | Misconfigured:
        if self.store_says is not None:
            return self.store_says
        assert photo == JPEG
        self.photos.append(upload_id)
        return f"s3://b/{shopper_id}/{upload_id}{suffix}"

    async def deliver(self, topic: str, *, key: bytes, value: bytes, headers: object) -> Delivered | Later | Never:
        if self.gate is not None:
            await self.gate.wait()
        if self.kafka_says is not None:
            return self.kafka_says
        event = decode(PhotoUploaded, value)
        assert headers
        assert key == event.shopper_id.encode()
        assert event.upload_id in self.photos, "the photo is stored first"
        self.events.append(event)
        return Delivered(topic, 0, len(self.events))

    async def aclose(self) -> None:
        pass


def app_of(world: World) -> EveryAnswer:
    config = GatewayConfig(SecretStr("planted"), 1000, in_flight=2, streams=1, remember_s=60)
    producer = UploadProducer(world, world)  # type: ignore[arg-type] # it stands for both
    return create_app(config, producer, world.memory, ready=lambda: world.ready, beside=contextlib.nullcontext)


def form(photo: bytes = JPEG, **fields: str) -> dict[str, Any]:
    return {"files": {"photo": ("a.jpg", photo, "text/plain")}, "data": {"shopper_id": "anna"} | fields}
