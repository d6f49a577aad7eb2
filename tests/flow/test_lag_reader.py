"""A look at the cluster waits out an election, and reports a partition that stays without a leader."""

import time

import pytest
from confluent_kafka import KafkaError

from schemas.topics import topics
from streams.config.settings import Settings
from streams.kafka.embedded.broker import EmbeddedBroker
from streams.lag.evaluate import GroupPartition, RecordTime
from streams.lag.reader import LagReader

#: A look asks for the beginning and for the end of the logs, at the only broker.
REQUESTS = 2


@pytest.mark.parametrize(("fails", "partitions_read"), [(REQUESTS, 3), (1000, 0)], ids=["election", "no leader"])
def test_a_partition_without_a_leader_is_tried_again_for_a_second(fails, partitions_read):
    with EmbeddedBroker({topic.name: 1 for topic in topics().all()}) as broker:
        settings = Settings(bootstrap_servers=broker.bootstrap_servers)
        with LagReader(settings) as reader:
            broker.errors("ListOffsets", "NOT_LEADER_FOR_PARTITION", fails)
            look = reader.look()
    assert len(look.readings) == partitions_read
    assert any("cannot be read" in trouble for trouble in look.troubles) == (not partitions_read)


class Scripted:
    """A consumer whose broker reports an end at once, and perhaps a record later."""

    def __init__(self, *messages: "Arrived") -> None:
        self.messages = list(messages)

    def consume(self, _count: int, timeout: float) -> list["Arrived"]:
        if self.messages:
            return [self.messages.pop(0)]
        time.sleep(timeout)
        return []

    def assign(self, _places: object) -> None: ...

    resume = pause = assign

    def unassign(self) -> None: ...

    def close(self) -> None: ...


class Arrived:
    """A record, or the end of its partition, at an offset."""

    def __init__(self, at: int, *, is_end: bool) -> None:
        self.at, self.is_end = at, is_end

    def topic(self) -> str:
        return "outfit.uploads"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.at

    def error(self) -> KafkaError | None:
        return KafkaError(KafkaError._PARTITION_EOF) if self.is_end else None

    def timestamp(self) -> tuple[int, int]:
        return 1, 5000


PLACE = GroupPartition("hangtag.recognize", "outfit.uploads", 0)


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        ([Arrived(0, is_end=True), Arrived(0, is_end=False)], RecordTime(0, 5)),
        ([Arrived(0, is_end=True)], "end"),
        ([Arrived(100, is_end=True)], "end"),
    ],
    ids=["just elected", "open transaction", "only markers"],
)
def test_an_end_that_comes_too_early_is_no_proof_that_nothing_waits(messages, found):
    with EmbeddedBroker({topic.name: 1 for topic in topics().all()}) as broker:
        reader = LagReader(Settings(bootstrap_servers=broker.bootstrap_servers))
        reader.close()
        reader._consumer = Scripted(*messages)
        assert reader._records({PLACE: 0}, {PLACE: 100}) == {PLACE: found}
