"""`hangtag doctor` on a real Kafka, which tells more than the embedded broker."""

import asyncio
import re

from streams.config.settings import Settings
from streams.operations.checks.answer import Checked
from streams.operations.checks.broker_version import RELEASES
from streams.operations.doctor import examine


async def test_doctor_names_the_kafka_version_and_groups_without_readers(kafka, topic_prefix):
    settings = Settings(bootstrap_servers=kafka, topic_prefix=topic_prefix, group_prefix=topic_prefix)

    async def look() -> list[Checked]:
        # Each check's lines come together, and the first who knows speaks first.
        lines = [line async for line in examine(settings, only=("broker", "topics", "lag"))]
        return sorted(lines, key=lambda line: ("broker", "topics", "lag").index(line.name.partition(" ")[0]))

    while "cannot be read" in repr(found := await look()):
        # Topics or broker were made just now: not every partition has its leader, or not every group its coordinator.
        await asyncio.sleep(0.1)
    broker, topics, *lag = found
    assert broker.status == "ok"
    assert re.match(f"Apache Kafka ({'|'.join(RELEASES.values())}|after .*), 1 broker", broker.finding)
    assert (topics.status, f"{topic_prefix}.tags: 3 partitions, 12 designed" in topics.finding) == ("warn", True)
    assert [(line.name, line.status, line.advice) for line in lag] == [
        (f"lag {topic_prefix}.{stage}", "warn", f"start `hangtag worker {stage}`")
        for stage in ("recognize", "tag", "sync")
    ]
    assert {line.finding for line in lag} == {"no consumer; nothing ahead"}
