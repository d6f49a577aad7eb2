"""`hangtag worker rekey` as a process: a foreign partitioner in, ours out, each shopper's uploads in their order."""

import json
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

from confluent_kafka import Producer

from streams.config.settings import Settings, child_environment
from streams.kafka.embedded.broker import EmbeddedBroker
from streams.kafka.partitioner import Placement, misplaced
from streams.kafka.reader import Seen, follow
from streams.kafka.topics import designed

SHOPPERS, EACH, PARTITIONS = 30, 4, 12


def upload(number: int, shopper: str) -> bytes:
    at = "2026-11-22T12:00:00+08:00"
    photo = {"uri": f"file:///photos/{shopper}-{number}.jpg"}
    event = {"upload_id": f"{shopper}-{number}", "shopper_id": shopper, "uploaded_at": at, "photo": photo}
    return json.dumps(event).encode()


def test_a_shopper_s_uploads_come_to_one_partition_in_their_order(tmp_path: Path):
    settings = Settings(rekey_topic="shop.uploads")
    with EmbeddedBroker({topic.name: PARTITIONS for topic in designed(settings)}) as broker:
        there = settings.model_copy(update={"bootstrap_servers": broker.bootstrap_servers})
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "partitioner": "consistent_random"})
        for number in range(EACH):
            for shopper in range(SHOPPERS):
                producer.produce("shop.uploads", upload(number, f"s-{shopper}"), f"s-{shopper}")
        assert producer.flush(10) == 0
        placed = [Placement(one.key, one.partition) for one in follow(there, ["shop.uploads"])]
        assert misplaced(placed, PARTITIONS) is not None, "a sample that is right already shows nothing"
        environment = child_environment(
            bootstrap_servers=broker.bootstrap_servers,
            rekey_topic="shop.uploads",
            state_url=f"sqlite:///{tmp_path}/state.db",
        )
        with (tmp_path / "log").open("w") as log:
            command = [sys.executable, "-m", "streams", "worker", "rekey"]
            stage = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            seen: list[Seen] = []
            deadline = time.monotonic() + 60
            while len({one.upload_id for one in seen}) < SHOPPERS * EACH:
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                assert stage.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.3)
                seen = list(follow(there, ["outfit.uploads"]))
        finally:
            stage.send_signal(signal.SIGTERM)
            assert stage.wait(30) == 0
    assert misplaced([Placement(one.key, one.partition) for one in seen], PARTITIONS) is None
    order = defaultdict(list)
    for one in seen:
        # The embedded broker may deliver a message again.
        if one.upload_id not in order[one.key]:
            order[one.key].append(one.upload_id)
    assert dict(order) == {
        f"s-{shopper}".encode(): [f"s-{shopper}-{number}" for number in range(EACH)] for shopper in range(SHOPPERS)
    }
