"""A gateway whose photo store and Kafka accept everything, or fail with a reason."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from schemas.codec import decode
from schemas.emitter import Delivered
from schemas.events import PhotoUploaded
from schemas.outcomes import Later, Misconfigured, Never
from schemas.producer import AlreadyStored, UploadProducer
from streams.gateway.app import GatewayConfig, create_app
from streams.gateway.forgotten import ForgottenUploads
from streams.gateway.memory import Memory
from streams.gateway.middleware import EveryAnswer

Stored = str | AlreadyStored | Later | Never | Misconfigured
JPEG = b"\xff\xd8\xff\xe0 as far as anyone looks here"
TOKEN = {"Authorization": "Bearer planted"}


@dataclass
class World:
    """Stands in for the photo store and Kafka, which accept everything or fail with a reason."""

    photos: dict[str, bytes] = field(default_factory=dict)
    events: list[PhotoUploaded] = field(default_factory=list)
    store_says: Later | Misconfigured | None = None
    kafka_says: Later | Never | None = None
    ready: bool = True
    gate: asyncio.Event | None = None
    memory: Memory = field(default_factory=lambda: Memory(keep_s=60, most=100))
    #: Digests of the shoppers who were forgotten.
    ledger: set[str] = field(default_factory=set)

    async def put(self, *, shopper_id: str, upload_id: str, suffix: str, photo: bytes) -> Stored:
        if self.store_says is not None:
            return self.store_says
        uri = f"s3://b/{shopper_id}/{upload_id}{suffix}"
        if uri in self.photos:
            return AlreadyStored(uri) if self.photos[uri] == photo else Never("other-photo", "another lies there")
        self.photos[uri] = photo
        return uri

    async def deliver(self, topic: str, *, key: bytes, value: bytes, headers: object) -> Delivered | Later | Never:
        if self.gate is not None:
            await self.gate.wait()
        if self.kafka_says is not None:
            return self.kafka_says
        event = decode(PhotoUploaded, value)
        assert headers
        assert key == event.shopper_id.encode()
        assert event.photo.uri in self.photos, "the photo is stored first"
        self.events.append(event)
        return Delivered(topic, 0, len(self.events))

    async def aclose(self) -> None:
        pass

    async def refresh(self) -> None:
        pass

    def knows_digest(self, shopper_digest: str) -> bool:
        return shopper_digest in self.ledger


def app_of(world: World, memory: Memory | None = None, *, photo_bytes: int = 1000, **config: Any) -> EveryAnswer:
    """Make a gateway of this world; with a memory of its own it is another one beside the first."""
    memory = memory or world.memory
    values = GatewayConfig(SecretStr("planted"), photo_bytes, in_flight=2, streams=1, remember_s=60, **config)
    producer = UploadProducer(world, world)  # type: ignore[arg-type] # it replaces both
    return create_app(
        values,
        producer,
        memory,
        ready=lambda: world.ready,
        beside=contextlib.nullcontext,
        forgotten=ForgottenUploads(memory, world),
    )


def form(photo: bytes = JPEG, **fields: str) -> dict[str, Any]:
    return {"files": {"photo": ("a.jpg", photo, "text/plain")}, "data": {"shopper_id": "anna"} | fields}
