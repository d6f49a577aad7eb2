"""
Reads a partition ahead in a child process of limited memory: a batch that inflates too far kills only the child.

librdkafka inflates gzip and lz4 batches without a limit, and aborts its process when the memory runs out. Joins no
group and commits nothing.
"""

import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaError, TopicPartition

from streams.config.settings import Settings
from streams.kafka.clients import client_config
from streams.kafka.foreign_headers import ForeignHeaders
from streams.runtime.driver.batch import UNREADABLE, Batch, Position, batches_of, unreadable
from streams.runtime.driver.config import FETCH_BYTES, INFLATED_BYTES
from streams.runtime.driver.obstacle import Ahead

log = structlog.get_logger()

#: A record with the position after it, the offset of a start that is finished, or None for a child that died.
Found = tuple[Batch, Position] | int | None

#: Bytes of memory that a child may use in addition to those it has at its start. A batch needs twice its inflated size,
#: in a stage as in the child. So a stage with 512 MB can read whatever the child can read.
ALLOWED: Final = 268_435_456
#: Most records that one child process reads ahead: more than librdkafka fetches before the first commit.
_MOST: Final = 20_000
#: Seconds that one child process may take.
_LIMIT_S: Final = 20
#: Exit code of a child in which Python found no memory.
_NO_MEMORY: Final = 75
#: Fetch one batch at a time, and the next one only when all records of the previous one have been polled.
_BATCH_BY_BATCH: Final = {
    "queued.min.messages": 1,
    "fetch.message.max.bytes": 1,
    "fetch.max.bytes": FETCH_BYTES,
    "receive.message.max.bytes": INFLATED_BYTES,
    "fetch.wait.max.ms": 10,
}


@dataclass(frozen=True, slots=True)
class LookAhead:
    """Reads one partition in child processes: `obstacle.Reader`."""

    settings: Settings
    topic: str
    number: int

    def read(self, position: Position) -> Ahead:
        """Read many records, starting at a position."""
        batches: list[Batch] = []
        died = False
        for found in self._run([position], _MOST):
            if found is None:
                died = True
            elif isinstance(found, tuple):
                batch, position = found
                batches.append(batch)
        return Ahead(position, batches, died)

    def readable(self, offsets: Sequence[int]) -> int:
        """Read one record at each offset until the memory runs out. Return the number of offsets that were readable."""
        return sum(isinstance(found, int) for found in self._run([Position(0, at, None) for at in offsets], 1))

    def _run(self, starts: list[Position], most: int) -> Iterator[Found]:
        """Read up to `most` records at each start, in one child process. Yields what it finds, and None if it died."""
        # Spawn instead of fork, because librdkafka's threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_serve, args=(theirs, self, starts, most), daemon=True)
        child.start()
        theirs.close()
        left = len(starts)
        give_up = time.monotonic() + _LIMIT_S
        try:
            while left and ours.poll(max(0.0, give_up - time.monotonic())):
                found: Found = ours.recv()
                left -= isinstance(found, int)
                yield found
        except EOFError:
            child.join()
            code = child.exitcode or 0
            name = f"{self.topic}[{self.number}]"
            log.warning("a child process ended while it read ahead", partition=name, code=code)
            if code < 0 or code == _NO_MEMORY:
                # With any other code the child has met another error. The stage will meet that too, and report it.
                yield None
        finally:
            child.kill()
            child.join()
            ours.close()


def _serve(link: Connection, place: LookAhead, starts: list[Position], most: int) -> None:
    """Send each record, and the offset of each finished start. Exits early if the memory runs out."""
    # Ctrl-C in a terminal reaches the whole group, but the parent ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    config = client_config(place.settings) | {
        "group.id": "hangtag-reader",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
    }
    consumer, read_foreign = Consumer(config | _BATCH_BY_BATCH), ForeignHeaders(place.settings)
    # Wait for a first response: the client's threads then have their stacks, which the limit must not include.
    consumer.get_watermark_offsets(TopicPartition(place.topic, place.number), timeout=_LIMIT_S)
    _limit_memory()
    try:
        for position in starts:
            begin = position.next or 0
            consumer.assign([TopicPartition(place.topic, place.number, begin)])
            for batch in _records(consumer, place, position, most, read_foreign):
                link.send((batch, position))
            link.send(begin)
    except MemoryError:
        os._exit(_NO_MEMORY)


def _records(
    consumer: Consumer, place: LookAhead, position: Position, most: int, read_foreign: ForeignHeaders
) -> Iterator[Batch]:
    """Yield a batch for each record, and move the position past it."""
    for _ in range(most):
        message = consumer.poll(_LIMIT_S)
        error = None if message is None else message.error()
        if error is not None and error.code() in UNREADABLE:
            yield unreadable(message, place.topic, position)
            # Otherwise librdkafka would read it again and again.
            consumer.seek(TopicPartition(place.topic, place.number, position.next))
        elif error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            # The reader joins no group and commits nothing, so it needs no permission on the group.
            continue
        elif message is None or error is not None:
            return
        else:
            yield from batches_of([message], place.topic, {place.number: position}, read_foreign)


def _limit_memory() -> None:
    status = Path("/proc/self/status")
    if not status.exists():
        return
    used = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmData"))
    limit = int(used) * 1024 + ALLOWED
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
