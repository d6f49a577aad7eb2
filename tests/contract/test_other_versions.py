"""Readers and writers of different versions meet on a topic: what is new is passed over, what is foreign set aside."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import Headers
from schemas.events import Event
from schemas.topics import topics
from streams.runtime.dead_letters import HaltLimit, original_headers, read_letter
from streams.runtime.retry import RetryPolicy
from streams.runtime.stage import Record, Route, Stage
from streams.runtime.track import Delivery, Partition

STORED = json.loads((Path(__file__).parents[2] / "schemas/examples/hangtag.outfit-tagged.v1.json").read_text())
HEADERS: Headers = [(name, text.encode()) for name, text in STORED["headers"].items()]


class World:
    """A sync stage of today that keeps what it understood, and a broker that keeps what it was sent."""

    def __init__(self) -> None:
        self.understood: list[Event] = []
        self.sent: list[tuple[str, bytes | None, bytes | None, Headers]] = []
        limit = HaltLimit(in_a_row=100, share=1)
        self._stage = Stage(
            "sync", Route(topics().tags, {}), self.handle, emitter=self, halt=limit, retry=RetryPolicy(1, 1)
        )

    async def handle(self, event: Event) -> tuple[()]:
        self.understood.append(event)
        return ()

    async def send(self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        self.sent.append((topic, key, value, headers))

    async def receive(self, value: Any, headers: Headers) -> None:
        record = Record(b"shopper-1", json.dumps(value).encode(), headers, 0.0)
        assert (
            await self._stage.process(Delivery(Partition("outfit.tags", 3), b"shopper-1", 42, record, attempts=1))
            is None
        )


def everywhere(value: Any) -> Any:
    """Add fields of the future to an event, nested ones too."""
    if isinstance(value, dict):
        return {name: everywhere(one) for name, one in value.items()} | {"of_the_future": {"a": [1]}}
    return [everywhere(one) for one in value] if isinstance(value, list) and value[0:1] != value[1:2] else value


async def test_fields_of_the_future_are_passed_over_at_every_depth():
    world = World()
    await world.receive(everywhere(STORED["value"]), HEADERS)
    await world.receive(STORED["value"], HEADERS)
    assert world.understood[0] == world.understood[1]
    assert world.sent == []


@pytest.mark.parametrize(
    "body", [{"schema_version": 2, "upload": {"id": "u"}}, STORED["value"] | {"schema_version": 2}]
)
async def test_an_event_of_version_2_becomes_a_letter_that_says_what_to_do(body):
    world = World()
    headers = [(name, text.replace(b".v1", b".v2")) for name, text in HEADERS]
    await world.receive(body, headers)
    assert world.understood == []
    ((topic, key, value, added),) = world.sent
    assert (topic, key, json.loads(value or b"")) == ("outfit.tags.dlq", b"shopper-1", body)
    assert original_headers(added) == headers
    letter = read_letter(added)
    assert letter is not None
    assert (letter.reason, letter.partition, letter.offset) == ("unknown-version", 3, 42)
    assert letter.message == "schema_version is 2, but this reader understands 1. Upgrade the reader, then replay"
