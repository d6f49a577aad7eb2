"""
Counts how often partitions start at the same offset, to skip a batch that kills every process that reads it.

The count is in the metadata of a commit. So it outlives the processes, whichever of the group gets the partition next.
"""

from collections.abc import Callable

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.runtime.driver.batch import Position
from streams.runtime.driver.obstacle import SUSPICIOUS, Ahead, Reader, start_metadata, starts_of, step_over
from streams.runtime.track import Partition

log = structlog.get_logger()

#: Seconds that a broker may take to report the end of a partition.
_ANSWER_S = 30


def count_starts(consumer: Consumer, starts: list[TopicPartition]) -> list[TopicPartition]:
    """
    Commit how often each partition has started at its offset. Return those that did so suspiciously often.

    `starts`: the committed place of each partition; before the first commit, the beginning of its log.
    """
    marks = [
        TopicPartition(
            place.topic,
            place.partition,
            place.offset,
            start_metadata(place.metadata),
            -1 if place.leader_epoch is None else place.leader_epoch,
        )
        for place in starts
    ]
    if marks:
        try:
            consumer.commit(offsets=marks, asynchronous=False)
        except KafkaException as error:
            # This start is not counted; the next one is. No record is lost.
            log.debug("starts not counted", error=error.args[0].name())
    return [place for place in starts if starts_of(place.metadata) + 1 >= SUSPICIOUS]


def read_over(
    consumer: Consumer, place: TopicPartition, position: Position, reader_of: Callable[[str, int], Reader]
) -> Ahead | None:
    """Read a partition past the batch that kills every process; None if there is no such batch."""
    _, end = consumer.get_watermark_offsets(place, timeout=_ANSWER_S)
    if end <= place.offset:
        return None
    found = step_over(reader_of(place.topic, place.partition), Partition(place.topic, place.partition), position, end)
    if found is not None:
        name = f"{place.topic}[{place.partition}]"
        log.error("a batch ends every process that reads it; stepping over it", partition=name)
    return found
