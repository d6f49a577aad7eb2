"""Headers whose names are not UTF-8 are read by all who look into topics."""

from collections.abc import Iterator

import pytest
from raw_produce import RawRecord, produce, record_batch

from streams.config.settings import Settings
from streams.kafka.embedded.broker import EmbeddedBroker
from streams.kafka.reader import follow


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"photos": 1}) as started:
        yield started


def test_a_foreign_name_is_escaped_and_the_messages_around_it_are_read_too(broker: EmbeddedBroker):
    foreign = [(b"na\xefve", b"\xff\x00"), (b"caf\xc3\xa9", b""), (b"null", None), (b"na\xefve", b"again")]
    records = [RawRecord(b"k", b"before"), RawRecord(b"k", b"foreign", foreign), RawRecord(None, b"after")]
    assert produce(broker.bootstrap_servers, "photos", 0, record_batch(records * 30, timestamp_ms=1)) == 0
    seen = list(follow(Settings(bootstrap_servers=broker.bootstrap_servers), ["photos"]))
    assert [one.value for one in seen] == [b"before", b"foreign", b"after"] * 30
    expected = [("na\\xefve", b"\xff\x00"), ("café", b""), ("null", None), ("na\\xefve", b"again")]
    assert [one.headers for one in seen] == [[], expected, []] * 30
