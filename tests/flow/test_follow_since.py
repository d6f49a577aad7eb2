"""Reading since a time works on the embedded broker too, which cannot look up offsets by time."""

import time

from confluent_kafka import Producer

from streams.config.settings import Settings
from streams.kafka.embedded.broker import EmbeddedBroker
from streams.kafka.reader import follow


def test_older_messages_are_skipped():
    now = time.time()
    with EmbeddedBroker({"t": 2, "empty": 1}) as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
        for at, hours in enumerate((3, 2, 1, 0)):
            producer.produce("t", str(hours), partition=at % 2, timestamp=int((now - hours * 3600) * 1000))
        assert producer.flush(10) == 0

        def since(age_s: float | None) -> set[bytes]:
            moment = None if age_s is None else now - age_s
            return {
                one.value for one in follow(Settings(bootstrap_servers=broker.bootstrap_servers), ["t"], since=moment)
            }

        assert since(None) == {b"3", b"2", b"1", b"0"}
        assert since(5400) == {b"1", b"0"}
        assert since(-60) == set()
        assert list(follow(Settings(bootstrap_servers=broker.bootstrap_servers), ["empty"], since=now - 60)) == []
