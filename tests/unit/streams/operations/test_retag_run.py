"""Which uploads are tagged again, and what a run reports when Kafka accepts no more."""

from dataclasses import dataclass, field

from outfits import NOON, outfit, tag
from recognized import recognized

from schemas.codec import decode, encode
from schemas.events import OutfitTagged
from schemas.outcomes import Later
from streams.config.settings import Settings
from streams.kafka.reader import Seen
from streams.operations.retag import Kept, publish
from streams.operations.tag_changes import Change


@dataclass
class FakeEmitter:
    """Takes so many messages."""

    room: int
    sent: list[OutfitTagged] = field(default_factory=list)

    async def send(self, topic, *, key, value, headers):
        if len(self.sent) >= self.room:
            return Later("undelivered", f"{topic} did not take a message")
        event = decode(OutfitTagged, value)
        assert key.decode() == event.shopper_id
        assert dict(headers)["ce_source"] == b"hangtag/retag/new"
        self.sent.append(event)
        return None


def change(number: int, *, left: bool = True) -> Change:
    cotton = tag("material/cotton")
    tags = (cotton,) if left else ()
    event = outfit(f"u{number}", shopper_id=f"s{number}", backfill=True, tags=tags, lexicon_version="new")
    return Change(event.upload_id, event.shopper_id, NOON, (cotton.id,), (), (), "old", event)


def test_a_shoppers_texts_are_those_with_their_id_whatever_the_key(monkeypatch):
    def message(number: int, shopper_id: str, key: bytes) -> Seen:
        value, headers = encode(recognized(f"u{number}", "cotton", shopper_id=shopper_id), source="test")
        return Seen("outfit.texts", 0, number, 0.0, key, value, headers)

    messages = [message(1, "anna", b"anna"), message(2, "anna", b"session-7"), message(3, "bob", b"anna")]
    monkeypatch.setattr("streams.operations.retag.follow", lambda *_, **__: iter(messages))
    found = [text.upload_id for _, text in Kept(Settings(), shopper="anna").texts(None)]
    assert found == ["u1", "u2"]


async def test_retag_reports_every_upload_and_publishes_every_change():
    emitter, told = FakeEmitter(9), []
    found = [change(1), None, change(2, left=False), change(3)]

    assert await publish(found, Settings(), emitter, tell=told.append) is None
    assert told == found
    assert [event.upload_id for event in emitter.sent] == ["u1", "u2", "u3"]


async def test_it_stops_where_kafka_takes_no_more_and_looks_no_further():
    emitter, told, looked = FakeEmitter(150), [], []

    def found():
        for number in range(1000):
            looked.append(number)
            yield change(number)

    refused = await publish(found(), Settings(), emitter, tell=told.append)
    assert isinstance(refused, Later)
    # Reported uploads were delivered. More may have been, and the next run finds them.
    assert len(told) == 100
    assert len(looked) == 200
