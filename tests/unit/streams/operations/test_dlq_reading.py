"""Letters are read one by one: memory holds what was chosen, and no values where none are wanted."""

import json
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from schemas.events import DeadLetter
from streams.config.settings import Settings
from streams.erasure.letters import shoppers_in
from streams.kafka.reader import Seen
from streams.operations import dead_letters as module
from streams.operations.dead_letters import Letter, letter_of, newest_letters, oldest_open, replay, whole
from streams.runtime.dead_letters import REPLAYED, letter_headers, without_value

DLQ = "outfit.uploads.dlq"
Take = Callable[[Seen], tuple[str, Letter | None]]


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


def mark_of(offset: int, *, at: int) -> Seen:
    return Seen(DLQ, 0, at, float(at), b"s", None, [(REPLAYED, f"{DLQ}:0:{offset}".encode())])


@pytest.fixture
def log(monkeypatch) -> list[Seen]:
    """The messages of the topic."""
    messages: list[Seen] = []

    def newest_first(
        _settings: Settings, names: list[str], take: Take, **_: object
    ) -> Iterator[tuple[str, Letter | None]]:
        yield from (take(one) for one in reversed(messages) if one.topic in names)

    def read_places(_settings: Settings, places: list[tuple[str, int, int]]) -> Iterator[Seen]:
        yield from (one for one in messages if (one.topic, one.partition, one.offset) in places)

    monkeypatch.setattr(module, "backwards", newest_first)
    monkeypatch.setattr(module, "read_places", read_places)
    return messages


class Sends:
    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None]] = []

    async def send(self, topic: str, *, value: bytes | None, **_: object) -> None:
        self.sent.append((topic, value))


def test_only_the_oldest_letters_that_are_wanted_are_kept_in_memory(monkeypatch):
    def newest_first(
        _settings: Settings, _names: list[str], take: Take, **_: object
    ) -> Iterator[tuple[str, Letter | None]]:
        for offset in reversed(range(5000)):
            yield take(seen(offset, size=3000))

    monkeypatch.setattr(module, "backwards", newest_first)

    def peak(**chosen: object) -> tuple[int, list[int]]:
        tracemalloc.start()
        found, _ = oldest_open(Settings(), **chosen)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most, [letter.seen.offset for letter in found]

    # There are 15 MB of values.
    for chosen, offsets in (({"reason": "another"}, []), ({"limit": 3}, [0, 1, 2])):
        most, found = peak(**chosen)
        assert most < 1_000_000
        assert found == offsets
    assert peak()[0] < 10_000_000


def test_light_letters_say_why_they_died_and_lose_value_headers_and_key(log):
    log.extend([seen(0), seen(1, reason="photo-missing")])
    [letter] = newest_letters(Settings(), reason="photo-missing")
    assert (letter.place, letter.facts.reason, letter.replayable) == (f"{DLQ}:0:1", "photo-missing", True)
    assert (letter.seen.key, letter.seen.value, letter.seen.headers) == (None, None, [])


async def test_a_light_letter_is_replayed_whole(log):
    log.extend([seen(0), seen(1), mark_of(0, at=2)])
    chosen, _ = oldest_open(Settings())
    emitter = Sends()
    assert await replay(whole(Settings(), chosen), emitter) is None
    assert emitter.sent == [("outfit.uploads", b"v" * 10), (DLQ, None)]


def test_a_mark_counts_even_if_it_is_read_after_its_letter(log):
    """Without a key it may be on another partition, whose broker's clock is behind."""
    log.extend([mark_of(1, at=0), seen(1), seen(2)])
    assert [letter.seen.offset for letter in oldest_open(Settings())[0]] == [2]


def test_letters_that_cannot_be_replayed_are_counted(log):
    log.extend([seen(0, topic="payments.orders"), seen(1)])
    chosen, stuck = oldest_open(Settings(), limit=1)
    assert ([letter.seen.offset for letter in chosen], stuck) == ([1], 1)


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
