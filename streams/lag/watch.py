"""Looks at the cluster repeatedly and judges each look. Continues while Kafka is unavailable."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from streams.config.settings import Settings
from streams.kafka.clients import NoKafkaError
from streams.lag.evaluate import LagMemory, PartitionLag
from streams.lag.reader import LagSnapshot, isolated_looks


@dataclass(frozen=True, slots=True)
class Judged:
    """A look at the cluster, and its verdicts."""

    look: LagSnapshot
    verdicts: tuple[PartitionLag, ...]


def keep_looking(settings: Settings, every_s: float) -> Iterator[Judged | NoKafkaError]:
    """
    Look every `every_s` seconds; yields the error if Kafka did not respond.

    The looks before an error are remembered, so a stalled partition stays stalled.
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
