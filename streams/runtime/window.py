"""
The window: what has been taken from a topic and is not finished yet, and how far offsets may move.

Pure asyncio: knows neither Faust nor Kafka. It is given deliveries and a coroutine that works on
one, and promises:

- positions move only over the contiguous done prefix of each partition;
- deliveries of one key in one partition are worked on one at a time, in order;
- at most `in_flight` are worked on, `pending` held, and `span` offsets lie between the oldest
  unfinished and the newest of a partition;
- after `drain` nothing that still runs can move a position.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from streams.runtime.slots import Slots

R = TypeVar("R")


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int


@dataclass(slots=True, eq=False, weakref_slot=True)
class Delivery(Generic[R]):
    """One record from a topic, with what the window needs to schedule it. The window never looks into `record`."""

    partition: Partition
    key: bytes | None
    offset: int
    record: R
    #: How often the window passed it to `process`, the current time included.
    attempts: int = 0
    done: bool = False


#: Works on one delivery. Returns None when it is done for good, else the seconds until the next try.
Process = Callable[[Delivery[R]], Awaitable[float | None]]


class GapError(Exception):
    """A record was skipped on its way here. Going on would acknowledge what was never seen."""


@dataclass(slots=True)
class _Track(Generic[R]):
    """One partition: the offset it must be handed next, and what it holds, in offset order."""

    expected: int | None
    unfinished: deque[Delivery[R]] = field(default_factory=deque)


class Window(Generic[R]):
    """See the module's docstring. One window serves one consumer group member."""

    def __init__(
        self,
        process: Process[R],
        *,
        ack: Callable[[Partition, int], None],
        first_offset: Callable[[Partition], int | None],
        is_natural_gap: Callable[[Partition, int, int], Awaitable[bool]],
        crash: Callable[[BaseException], None],
        in_flight: int = 64,
        pending: int = 256,
        span: int = 512,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Make an open, empty window.

        Args:
            process: Works on one delivery; must not raise.
            ack: Told each time the contiguous prefix of a partition grows: everything below this offset is done.
            first_offset: The offset a partition must start at after an assignment; None when unknowable.
            is_natural_gap: Whether nothing was ever readable in [expected, offset) of a partition.
            crash: Called when `process` raises all the same, with the exception.
            in_flight: Most deliveries worked on at once.
            pending: Most deliveries held.
            span: Largest distance in offsets from the oldest unfinished delivery to the newest, per partition.
            sleep: Waits out a retry's delay.
            clock: Seconds, for `moved_at`.

        """
        self._process, self._ack, self._crash, self._sleep = process, ack, crash, sleep
        self._first_offset, self._is_natural_gap = first_offset, is_natural_gap
        self._slots = Slots(in_flight)
        self._pending_limit, self._span_limit = pending, span
        self._tracks: dict[Partition, _Track[R]] = {}
        self._lanes: dict[tuple[Partition, bytes | int], deque[Delivery[R]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: set[asyncio.Task[None]] = set()
        self._wakeups: deque[asyncio.Future[None]] = deque()
        self._generation = 0
        self._open = True
        self.pending = 0
        self.working = 0
        #: When a process last returned or there was nothing to do, by the clock; for those who watch.
        self.moved_at = clock()
        self._clock = clock

    async def admit(self, delivery: Delivery[R]) -> bool:
        """
        Take a delivery, waiting for room; order of calls is order of offsets within a partition.

        Answers False when it was not taken: the window is closed (it will be delivered again), or
        this offset was taken before (delivered twice).

        Raises:
            GapError: offsets before it were skipped on the way here.

        """
        generation = self._generation
        while self._open and not self._has_room(delivery):
            await self._room()
        if not self._open or generation != self._generation:
            return False
        track = self._tracks.get(delivery.partition)
        if track is None:
            track = _Track(self._first_offset(delivery.partition))
            self._tracks[delivery.partition] = track
        if track.expected is not None and delivery.offset != track.expected:
            if delivery.offset < track.expected:
                return False
            if not await self._is_natural_gap(delivery.partition, track.expected, delivery.offset):
                msg = f"{delivery.partition}: expected offset {track.expected}, was handed {delivery.offset}"
                raise GapError(msg)
            if generation != self._generation:
                return False
        track.expected = delivery.offset + 1
        track.unfinished.append(delivery)
        if not self.pending:
            self.moved_at = self._clock()
        self.pending += 1
        # A record without a key has no order to keep.
        lane = (delivery.partition, delivery.offset if delivery.key is None else delivery.key)
        queue = self._lanes.get(lane)
        if queue is None:
            self._lanes[lane] = deque((delivery,))
            task = asyncio.create_task(self._run_lane(lane, generation))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            queue.append(delivery)
        return True

    def oldest(self) -> list[Delivery[R]]:
        """List the oldest unfinished delivery of each partition."""
        return [track.unfinished[0] for track in self._tracks.values() if track.unfinished]

    def position(self, partition: Partition) -> int | None:
        """Tell the next offset this partition must be handed, if known."""
        track = self._tracks.get(partition)
        return track.expected if track else None

    async def drain(self, deadline_s: float) -> None:
        """
        Close the window: finish what is queued for up to `deadline_s` seconds, drop the rest.

        What waits out a retry's delay is dropped at once. When this returns, no position moves
        until `resume`.
        """
        self._open = False
        self._wake()
        for task in tuple(self._waiting):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=deadline_s)
        self._generation += 1
        leftover = tuple(self._tasks)
        for task in leftover:
            task.cancel()
        self._tracks.clear()
        self._lanes.clear()
        self.pending = 0
        if leftover:
            await asyncio.wait(leftover, timeout=1)

    def resume(self) -> None:
        """Open the window for a new assignment."""
        self._open = True

    def _has_room(self, delivery: Delivery[R]) -> bool:
        if self.pending >= self._pending_limit:
            return False
        track = self._tracks.get(delivery.partition)
        if track is None or not track.unfinished:
            return True
        return delivery.offset - track.unfinished[0].offset < self._span_limit

    async def _room(self) -> None:
        wakeup: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wakeups.append(wakeup)
        await wakeup

    def _wake(self) -> None:
        while self._wakeups:
            wakeup = self._wakeups.popleft()
            if not wakeup.done():
                wakeup.set_result(None)

    async def _run_lane(self, lane: tuple[Partition, bytes | int], generation: int) -> None:
        queue = self._lanes[lane]
        while queue:
            try:
                if not await self._finish(queue[0], generation):
                    return
            except Exception as error:  # noqa: BLE001 - process must not raise; if it does, nothing may be acked
                self._crash(error)
                return
            if generation != self._generation:
                return
            self._done(queue.popleft())
        del self._lanes[lane]

    async def _finish(self, delivery: Delivery[R], generation: int) -> bool:
        """Work on it until it is done (True), or until the window closes while it waits for a retry (False)."""
        while True:
            async with self._slots:
                delivery.attempts += 1
                self.working += 1
                try:
                    delay = await self._process(delivery)
                finally:
                    self.working -= 1
                    self.moved_at = self._clock()
            if delay is None:
                return True
            if not self._open or generation != self._generation:
                return False
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - a lane always runs in a task
            self._waiting.add(task)
            try:
                await self._sleep(delay)
            finally:
                self._waiting.discard(task)

    def _done(self, delivery: Delivery[R]) -> None:
        delivery.done = True
        self.pending -= 1
        unfinished = self._tracks[delivery.partition].unfinished
        position = None
        while unfinished and unfinished[0].done:
            position = unfinished.popleft().offset + 1
        if position is not None:
            self._ack(delivery.partition, position)
        self._wake()
