"""
One stage's membership in its consumer group: feeds the window from the poller, and commits what is done.

Runs in the event loop. At each rebalance the poller's thread calls it and waits for the result. Knows no Faust.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

import structlog
from confluent_kafka import KafkaException

from streams.config.settings import Settings
from streams.kafka.foreign_headers import ForeignHeaders
from streams.kafka.partition_log import PartitionLog
from streams.kafka.partitioner import PartitionerSample
from streams.runtime.commits import Commits
from streams.runtime.driver.batch import Batch
from streams.runtime.driver.config import consumer_config
from streams.runtime.driver.poller import Poller
from streams.runtime.stage import Record
from streams.runtime.track import Partition
from streams.runtime.window import Window

log = structlog.get_logger()

#: Records between the poller and the window, per record that the window may hold.
_BUFFERED_SHARE = 2
#: Longest time for a commit. librdkafka itself waits for a coordinator that is unavailable.
_COMMIT_S = 10
#: Seconds between tries of the last commit.
_COMMIT_PAUSE_S = 0.05


class Intake:
    """The membership. Set `window` before `start`."""

    def __init__(self, settings: Settings, *, group: str, topic: str, crash: Callable[[BaseException], object]) -> None:
        """Create it without connecting; `crash` ends the process."""
        self.window: Window[Record] | None = None
        #: Called with all of our partitions when they change, and with each batch.
        self.on_rebalance: Callable[[set[Partition]], Awaitable[None]] | None = None
        self.on_batch: Callable[[Batch], object] | None = None
        self._settings, self._group, self._topic, self._crash = settings, group, topic, crash
        self._poller: Poller | None = None
        self._partitions: set[Partition] = set()
        self._starts: dict[Partition, int] = {}
        self._gaps: dict[tuple[Partition, int], int] = {}
        #: Batches that the window has not admitted yet, and the tasks that pass them on, one for each partition.
        self._queues: dict[Partition, deque[Batch]] = {}
        self._admitting: set[asyncio.Task[None]] = set()
        self._commits = Commits()
        self._committing = asyncio.Lock()
        self._commit_trouble: str | None = None
        self._unsettled_since = time.monotonic()
        #: A sample of records, to see whether they are on the partition of their key.
        self.sample = PartitionerSample()
        #: Whether this member ever had an assignment; before that there is nothing to drain.
        self.was_assigned = False
        #: Set when the group has assigned this member its partitions (perhaps none).
        self.settled = asyncio.Event()

    def start(self) -> None:
        """Join the group."""
        self._poller = Poller(
            consumer_config(self._settings, self._group),
            self._topic,
            self,
            asyncio.get_running_loop(),
            read_foreign=ForeignHeaders(self._settings),
            log_of=partial(PartitionLog, self._settings),
            buffered=self._settings.pending * _BUFFERED_SHARE,
        )
        self._poller.start()

    async def stop(self, drain_s: float) -> None:
        """Finish the events in progress, commit them, and leave the group."""
        await self._window.drain(drain_s)
        if self._poller is not None:
            give_up = time.monotonic() + _COMMIT_S
            while self._commits.pending() and time.monotonic() < give_up:
                await self.commit_done()
                await asyncio.sleep(_COMMIT_PAUSE_S)
            self._commits.forget(self._partitions)
            self._poller.stop()
            await asyncio.to_thread(self._poller.join)

    async def admit(self, batch: Batch) -> None:
        """Queue a batch for the window, after the earlier batches of its partition."""
        queue = self._queues.get(batch.partition)
        if queue is not None:
            queue.append(batch)
            return
        self._queues[batch.partition] = deque((batch,))
        # One task per partition, so that a partition without room in the window does not delay the others.
        task = asyncio.create_task(self._admit_queued(batch.partition))
        self._admitting.add(task)
        task.add_done_callback(self._admitting.discard)

    async def _admit_queued(self, partition: Partition) -> None:
        queue = self._queues[partition]
        while queue:
            await self._admit(queue.popleft())
        del self._queues[partition]

    async def _admit(self, batch: Batch) -> None:
        """Pass a batch to the window while its partition is still ours."""
        assert self._poller is not None  # noqa: S101 - batches come from the poller
        self._gaps |= {(batch.partition, offset): expected for offset, expected in batch.gaps.items()}
        try:
            for delivery in batch.deliveries:
                if batch.partition not in self._partitions:
                    # The partition was revoked and the window has released it. The poller may not know that yet.
                    break
                if self._poller.assignment_of(batch.partition) != batch.assignment:
                    break
                self.sample.note(delivery.key, batch.partition.number)
                await self._window.admit(delivery)
        except Exception as error:  # noqa: BLE001 - nobody awaits this task
            self._crash(error)
        finally:
            for offset in batch.gaps:
                self._gaps.pop((batch.partition, offset), None)
            self._poller.admitted(batch.partition, len(batch.deliveries))

    async def is_natural_gap(self, partition: Partition, expected: int, offset: int) -> bool:
        """Return whether there is nothing to process between two offsets: only markers, aborted or expired records."""
        return self._gaps.get((partition, offset), offset) <= expected

    def first_offset(self, partition: Partition) -> int | None:
        """Return where a partition must start; None without a commit: the first record may then have any offset."""
        return self._starts.get(partition)

    def done(self, partition: Partition, offset: int) -> None:
        """Record that everything below `offset` is done, for the next commit."""
        self._commits.done(partition, offset)

    async def commit_done(self) -> None:
        """Commit the done offsets. If the broker rejects a commit, the next one includes them."""
        # One commit at a time: an older commit must not arrive after a newer one.
        async with self._committing:
            offsets = self._commits.pending()
            if not offsets or self._poller is None:
                return
            try:
                async with asyncio.timeout(_COMMIT_S):
                    await self._poller.commit(offsets)
            except (KafkaException, TimeoutError) as error:
                name = error.args[0].name() if isinstance(error, KafkaException) else "no answer"
                if name != self._commit_trouble:
                    log.warning("commit refused, trying again", group=self._group, error=name)
                self._commit_trouble = name
            else:
                self._commits.committed(offsets)
                self._commit_trouble = None

    def is_leader(self) -> bool:
        """Return whether this member owns partition 0. Exactly one member does, so use it to elect a leader."""
        return Partition(self._topic, 0) in self._partitions

    def partitions(self) -> set[Partition]:
        """Return the partitions that are ours."""
        return set(self._partitions)

    def partition_count(self) -> int:
        """Return how many partitions are ours."""
        return len(self._partitions)

    def zombie(self, patience_s: float) -> str | None:
        """Return why this member consumes nothing, for good; None if it is healthy."""
        if not self.settled.is_set() and time.monotonic() - self._unsettled_since > patience_s:
            trouble = self._poller.trouble if self._poller is not None else None
            return f"no assignment for {patience_s:.0f} s ({trouble or 'the group is still rebalancing'})"
        return None

    @property
    def _window(self) -> Window[Record]:
        assert self.window is not None  # noqa: S101 - bound before start
        return self.window

    # The poller calls the following methods, and waits for the coroutines.

    async def on_assigned(self, partitions: list[Partition], starts: dict[Partition, int]) -> None:
        """Start new partitions."""
        self._partitions |= set(partitions)
        self._starts = {p: at for p, at in self._starts.items() if p in self._partitions} | starts
        self.was_assigned = True
        if self.on_rebalance is not None:
            await self.on_rebalance(self.partitions())
        self.settled.set()
        log.info("assigned", group=self._group, partitions=sorted(one.number for one in self._partitions))

    async def on_revoked(self, partitions: list[Partition], *, lost: bool) -> dict[Partition, int]:
        """Finish the events in progress of these partitions; later results must not move their offsets."""
        if lost:
            # Other members own them already. Finishing or committing anything now would process it twice.
            self._commits.forget(partitions)
        # Remove them before the release, so that none of their waiting batches is admitted after it.
        self._partitions -= set(partitions)
        await self._window.release(partitions, 0 if lost else self._settings.drain_s)
        offsets = {one: offset for one, offset in self._commits.pending().items() if one in partitions}
        self._commits.forget(partitions)
        if not self._partitions:
            self.settled.clear()
            self._unsettled_since = time.monotonic()
        return offsets

    async def on_misplaced(self, partition: Partition) -> int | None:
        """Finish deliveries in progress; return the offset below which all is done, or None if unknown."""
        await self._window.release([partition], self._settings.drain_s)
        return self._commits.position(partition, self._starts.get(partition))

    async def on_moved(self, partition: Partition, offset: int) -> None:
        """Continue at another offset, and commit it, because the log no longer contains the group's old one."""
        self._commits.done(partition, offset)
        self._starts[partition] = offset

    def on_batches(self, batches: list[Batch]) -> None:
        """Pass batches to Faust."""
        assert self.on_batch is not None  # noqa: S101 - bound before start
        for batch in batches:
            self.on_batch(batch)

    def on_crash(self, error: BaseException) -> None:
        """End the process."""
        self._crash(error)
