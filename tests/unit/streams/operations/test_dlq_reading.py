"""Letters are read one by one: memory holds what was chosen, and no values where none are wanted."""

import json
import tracemalloc
from collections.abc import Iterator

import pytest

from schemas.events import DeadLetter
from streams.config.settings import Settings
from streams.erasure.letters import shoppers_in
from streams.kafka.reader import Seen
from streams.operations import dead_letters as module
from streams.operations.dead_letters import letter_of, letters, replay, whole
from streams.runtime.dead_letters import REPLAYED, letter_headers, without_value

DLQ = "outfit.uploads.dlq"


def seen(offset: int, *, reason: str = "bug", topic: str = "outfit.uploads", size: int = 10) -> Seen:
    letter = DeadLetter(
        topic=topic,
        partition=0,
        offset=offset,
        stage="recognize",
        exception_class="x",
        message="m",
        reason=reason,
        attempts=3,
    )
    return Seen(DLQ, 0, offset, float(offset), b"s", b"v" * size, letter_headers([("a", b"1")], letter))


@pytest.fixture
def log(monkeypatch) -> list[Seen]:
    """The messages of the topic."""
    messages: list[Seen] = []

    def follow(_settings: Settings, names: list[str], **_: object) -> Iterator[Seen]:
        yield from (one for one in messages if one.topic in names)

    def read_places(_settings: Settings, places: list[tuple[str, int, int]]) -> Iterator[Seen]:
        yield from (one for one in messages if (one.topic, one.partition, one.offset) in places)

    monkeypatch.setattr(module, "follow", follow)
    monkeypatch.setattr(module, "read_places", read_places)
    return messages


class Sends:
    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None]] = []

    async def send(self, topic: str, *, value: bytes | None, **_: object) -> None:
        self.sent.append((topic, value))


def test_letters_that_are_not_chosen_are_not_kept_in_memory(monkeypatch):
    def follow(*_: object, **__: object) -> Iterator[Seen]:
        for offset in range(5000):
            yield seen(offset, size=3000)

    monkeypatch.setattr(module, "follow", follow)

    def peak(**chosen: object) -> int:
        tracemalloc.start()
        found = letters(Settings(), **chosen)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert bool(found) is ("reason" not in chosen)
        return most

    # There are 15 MB of values.
    assert peak(reason="another") < 1_000_000
    assert peak(values=False) < 10_000_000


def test_light_letters_say_why_they_died_and_lose_value_headers_and_key(log):
    log.extend([seen(0), seen(1, reason="photo-missing")])
    [letter] = letters(Settings(), reason="photo-missing", values=False)
    assert (letter.place, letter.facts.reason, letter.replayable) == (f"{DLQ}:0:1", "photo-missing", True)
    assert (letter.seen.key, letter.seen.value, letter.seen.headers) == (None, None, [])


async def test_a_light_letter_is_replayed_whole(log):
    log.extend([seen(0), seen(1), Seen(DLQ, 0, 2, 2.0, b"s", None, [(REPLAYED, f"{DLQ}:0:0".encode())])])
    chosen = [letter for letter in letters(Settings(), values=False) if not letter.replayed]
    emitter = Sends()
    assert await replay(whole(Settings(), chosen), emitter) is None
    assert emitter.sent == [("outfit.uploads", b"v" * 10), (DLQ, None)]


@pytest.mark.parametrize("named", ["payments.orders", "outfit.texts", "outfit.uploads.dlq", ""])
async def test_a_letter_goes_back_only_to_its_own_topic_with_any_headers(named):
    emitter = Sends()
    letter = letter_of(seen(0, topic=named))
    assert not letter.replayable
    assert await replay([letter], emitter) is None
    assert emitter.sent == []


async def test_a_letter_without_its_value_is_not_replayed_as_a_tombstone():
    whole_letter = seen(0)
    bare = Seen(DLQ, 0, 0, 0.0, b"s", None, without_value(whole_letter.headers))
    emitter = Sends()
    assert not letter_of(bare).replayable
    assert await replay([letter_of(bare)], emitter) is None
    assert emitter.sent == []


def test_a_letter_belongs_to_the_shopper_of_its_key_its_value_or_its_object():
    def of(value: bytes, *, key: bytes | None = None, dlq: str = DLQ) -> set[str]:
        settings = Settings(notifications_topic="bucket", notifications_key="uploads/{shopper_id}/{upload_id}.{ext}")
        return shoppers_in(settings, Seen(dlq, 0, 0, 0.0, key, value, []))

    assert of(b'{"shopper_id": "anna"}', key=b"bob") == {"anna", "bob"}
    assert of(b'\x00\x00\x00\x00\x01{"shopper_id": "anna"}') == {"anna"}
    for junk in (b"", b"{", b"[1]", b'{"shopper_id": 1}', b"[" * 5000, b"\xff"):
        assert of(junk) == of(junk, dlq="bucket.dlq") == set()
    place = {"bucket": {"name": "b"}, "object": {"key": "uploads/anna/u1.jpg"}}
    told = {"Records": [{"eventName": "ObjectCreated:Put", "eventTime": "2026-11-22T12:00:00Z", "s3": place}]}
    assert of(json.dumps(told).encode(), dlq="bucket.dlq") == {"anna"}
