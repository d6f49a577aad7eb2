"""Looks at the cluster again and again, and judges what it sees. A Kafka that is away is seen too, and ends nothing."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from streams.config.settings import Settings
from streams.kafka.clients import NoKafkaError
from streams.lag.evaluate import LagMemory, PartitionLag
from streams.lag.reader import LagSnapshot, isolated_looks


@dataclass(frozen=True, slots=True)
class Judged:
    """A look at the cluster, and the verdicts on it."""

    look: LagSnapshot
    verdicts: tuple[PartitionLag, ...]


def keep_looking(settings: Settings, every_s: float) -> Iterator[Judged | NoKafkaError]:
    """
    Look every so many seconds; yields the error where Kafka did not answer.

    What was seen before an error is remembered: a partition that stood still goes on standing still.
    """
    memory = LagMemory(settings.lag_stalled_s)
    with isolated_looks(settings) as looks:
        while True:
            seen: Judged | NoKafkaError
            try:
                look = looks.ask()
            except NoKafkaError as error:
                seen = error
            else:
                seen = Judged(look, memory.judge(look.readings))
            yield seen
            time.sleep(every_s)
