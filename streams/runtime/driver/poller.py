"""
The thread that polls Kafka. It turns messages into batches, and forwards rebalances to the event loop.

Only this thread changes the consumer's positions. Knows neither Faust nor the window.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol, TypeVar

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.kafka.clients import ClientConfig
from streams.kafka.partition_log import PartitionLog
from streams.kafka.strangers import OURS
from streams.runtime.driver.backpressure import Backpressure
from streams.runtime.driver.batch import Batch, Position, ReadForeignHeaders, batches_of, unreadable
from streams.runtime.driver.commit_queue import CommitQueue
from streams.runtime.driver.recovery import restart_at
from streams.runtime.track import Partition

log = structlog.get_logger()

T = TypeVar("T")

#: For operators: the cause and the remedy of errors of the group.
_MEANING = {
    KafkaError.INCONSISTENT_GROUP_PROTOCOL: "another program uses this group with another protocol or assignor: "
    "stop it, or set HANGTAG_GROUP_PREFIX (`hangtag doctor lag` names it)",
    KafkaError.GROUP_ID_NOT_FOUND: "another program uses this group with the other group protocol: "
    "stop it, or set HANGTAG_KAFKA_GROUP_PROTOCOL (docs/kafka.md)",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "this user may not join the group (docs/security.md)",
}
#: Most records polled at once.
_AT_ONCE = 500
#: Seconds that a poll waits for a record. Then the thread checks whether to stop.
_IDLE_S = 0.2

_UNREADABLE = frozenset({KafkaError._BAD_COMPRESSION, KafkaError._BAD_MSG, KafkaError._NOT_IMPLEMENTED})  # noqa: SLF001 - librdkafka's local codes


class Listener(Protocol):
    """Callbacks of the thread. Its coroutines run in the event loop, and the thread waits for them."""

    async def on_assigned(self, partitions: list[Partition], starts: dict[Partition, int]) -> None:
        """Start partitions that were assigned, each at its offset in `starts`."""

    async def on_revoked(self, partitions: list[Partition], *, lost: bool) -> dict[Partition, int]:
        """Finish deliveries in progress; return the offsets to commit. If `lost`, others own the partitions already."""

    async def on_misplaced(self, partition: Partition) -> int | None:
        """Finish deliveries in progress; return the offset below which all is done, or None if unknown."""

    async def on_moved(self, partition: Partition, offset: int) -> None:
        """Continue a partition at another offset."""

    def on_batches(self, batches: list[Batch]) -> None:
        """Receive batches."""

    def on_crash(self, error: BaseException) -> None:
        """End the process, because the thread has failed."""


class Poller(threading.Thread):
    """Polls one topic as a member of a consumer group."""

    def __init__(
        self,
        config: ClientConfig,
        topic: str,
        listener: Listener,
        loop: asyncio.AbstractEventLoop,
        *,
        read_foreign: ReadForeignHeaders,
        log_of: Callable[[str, int], PartitionLog],
        buffered: int,
    ) -> None:
        """The thread connects at its start. Up to `buffered` records, and one poll, wait for the window."""
        super().__init__(name="kafka-poller", daemon=True)
        self._config, self._topic, self._listener, self._loop = config, topic, listener, loop
        self._read_foreign, self._log_of = read_foreign, log_of
        self._positions: dict[int, Position] = {}
        self._assignments = 0
        #: Partitions whose log no longer contains our position.
        self._misplaced: set[int] = set()
        #: Commits that librdkafka has not compared with the log yet. Records polled before that are dropped.
        self._unchecked: dict[int, TopicPartition] = {}
        self._pressure = Backpressure(topic, buffered)
        self._commits = CommitQueue(loop)
        self._stopping = threading.Event()
        #: Name of the last error of the group or of a partition; None once records arrive.
        self.trouble: str | None = None

    # The event loop calls the following methods.

    def admitted(self, partition: Partition, records: int) -> None:
        """Record that the window has admitted or dropped `records` records of a partition."""
        self._pressure.remove(partition.number, records)

    def stop(self) -> None:
        """Tell the thread to leave the group and end. Join the thread to wait for that."""
        self._stopping.set()
        self._pressure.wake()

    def assignment_of(self, partition: Partition) -> int | None:
        """Return the number of the partition's current assignment; None if the partition is not ours."""
        position = self._positions.get(partition.number)
        return None if position is None else position.assignment

    def commit(self, offsets: dict[Partition, int]) -> asyncio.Future[None]:
        """Commit offsets with their leader epochs. The future raises KafkaException if the broker refuses them."""
        future = self._commits.request(offsets)
        self._pressure.wake()
        return future

    # The following methods run in the thread.

    def run(self) -> None:
        """Poll until stopped."""
        try:
            consumer = Consumer(self._config | {"error_cb": self._on_error, "on_commit": self._commits.on_commit})
            consumer.subscribe(
                [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
            while not self._stopping.is_set():
                self._commits.send(consumer, self._places)
                if self._pressure.may_poll(consumer, self._is_urgent):
                    self._poll(consumer)
            consumer.close()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the stage must not live on without its thread
            self._listener.on_crash(error)

    def _poll(self, consumer: Consumer) -> None:
        first = consumer.poll(_IDLE_S)
        if first is not None:
            # With a timeout of zero, this returns only records that librdkafka has fetched already.
            self._hand_over(consumer, [first, *consumer.consume(_AT_ONCE - 1, timeout=0)])
        for number in tuple(self._misplaced):
            self._move(consumer, number)
        for number in tuple(self._unchecked):
            self._check(consumer, number)

    def _is_urgent(self) -> bool:
        return bool(self._commits) or self._stopping.is_set()

    def _places(self, offsets: dict[Partition, int]) -> list[TopicPartition]:
        places = []
        for partition, offset in offsets.items():
            position = self._positions.get(partition.number)
            if position is not None:
                epoch = position.epoch_before(offset)
                places.append(TopicPartition(*partition, offset, OURS, -1 if epoch is None else epoch))
        return places

    def _hand_over(self, consumer: Consumer, messages: list[Message]) -> None:
        records: list[Message] = []
        passed_over: set[int] = set()
        for message in messages:
            error, number = message.error(), message.partition()
            if error is None:
                if number not in self._unchecked and number not in passed_over:
                    records.append(message)
            elif error.code() in _UNREADABLE and number in self._positions:
                self._pass_on(batches_of(records, self._topic, self._positions, self._read_foreign))
                records = []
                self._pass_on([unreadable(message, self._topic, self._positions[number])])
                # Without the seek librdkafka would read it again and again. It also polls later records again.
                consumer.seek(TopicPartition(self._topic, number, message.offset() + 1))
                passed_over.add(number)
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - librdkafka's local code
                self._misplaced.add(number)
                self._unchecked.pop(number, None)
            else:
                self._on_error(error)
        self._pass_on(batches_of(records, self._topic, self._positions, self._read_foreign))

    def _pass_on(self, batches: list[Batch]) -> None:
        if batches:
            self.trouble = None
            for batch in batches:
                self._pressure.add(batch.partition.number, len(batch.deliveries))
            self._loop.call_soon_threadsafe(self._listener.on_batches, batches)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            raise KafkaException(error)
        if self.trouble != error.name():
            meaning = _MEANING.get(error.code())
            log.warning("trouble with Kafka", error=error.name(), message=meaning or error.str())
        self.trouble = error.name()

    def _move(self, consumer: Consumer, number: int) -> None:
        """Continue where the log still agrees with what was read. If no broker responds, the next poll tries again."""
        position = self._positions.get(number)
        if position is None:
            self._misplaced.discard(number)
            return
        # The new assignment drops polled records that are not in progress. They are read again if the log has them.
        self._assignments += 1
        position.assignment = self._assignments
        partition = Partition(self._topic, number)
        done = self._await(self._listener.on_misplaced(partition))
        partition_log = self._log_of(self._topic, number)
        try:
            bounds = partition_log.bounds()
            restart = restart_at(
                bounds.first if done is None else done,
                position.epoch,
                bounds,
                lambda epoch: partition_log.end_of_epoch(epoch, bounds),
            )
        except KafkaException as error:
            self._on_error(error.args[0])
            return
        log.error(
            "the log no longer holds our position",
            partition=f"{self._topic}[{number}]",
            reason=restart.reason,
            expected=position.next,
            continues_at=restart.offset,
        )
        self._misplaced.discard(number)
        epochs = [] if restart.epoch is None else [(-1, restart.epoch)]
        self._positions[number] = Position(self._assignments, restart.offset, restart.epoch, epochs)
        self._await(self._listener.on_moved(partition, restart.offset))
        # After this error librdkafka does not fetch the partition and accepts no seek, so assign it anew.
        consumer.incremental_unassign([TopicPartition(*partition)])
        consumer.incremental_assign([TopicPartition(*partition, restart.offset)])
        self._pressure.assigned(consumer, [number])

    def _check(self, consumer: Consumer, number: int) -> None:
        """Let librdkafka compare a commit with the leader's log (KIP-320): it does so at a seek, not at a start."""
        try:
            consumer.seek(self._unchecked[number])
        except KafkaException as error:
            if error.args[0].code() != KafkaError._STATE:  # noqa: SLF001 - librdkafka's local code: not fetching yet
                raise
        else:
            del self._unchecked[number]

    def _on_assign(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        committed = consumer.committed(places, timeout=30)
        starts = {}
        for place in committed:
            if place.error is not None:
                raise KafkaException(place.error)
            self._assignments += 1
            known = place.offset >= 0
            position = Position(self._assignments, place.offset if known else None, place.leader_epoch)
            if known:
                starts[Partition(place.topic, place.partition)] = place.offset
                if place.leader_epoch is not None:
                    position.epochs = [(-1, place.leader_epoch)]
                    self._unchecked[place.partition] = place
            else:
                place.offset = OFFSET_BEGINNING
            self._positions[place.partition] = position
        self._await(self._listener.on_assigned(_partitions(places), starts))
        consumer.incremental_assign(committed)
        self._pressure.assigned(consumer, [place.partition for place in places])

    def _on_revoke(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self._give_up(consumer, places, lost=False)

    def _on_lost(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self._give_up(consumer, places, lost=True)

    def _give_up(self, consumer: Consumer, places: list[TopicPartition], *, lost: bool) -> None:
        offsets = self._places(self._await(self._listener.on_revoked(_partitions(places), lost=lost)))
        if offsets:
            try:
                consumer.commit(offsets=offsets, asynchronous=False)
            except KafkaException as error:
                log.warning("last commit refused; records will be delivered again", error=error.args[0].name())
        self._pressure.revoked(place.partition for place in places)
        for place in places:
            self._positions.pop(place.partition, None)
            self._misplaced.discard(place.partition)
            self._unchecked.pop(place.partition, None)

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _partitions(places: Iterable[TopicPartition]) -> list[Partition]:
    return [Partition(place.topic, place.partition) for place in places]
