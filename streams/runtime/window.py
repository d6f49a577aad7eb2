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
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable
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


#: A lane: the deliveries of one key in one partition, in order. A record without a key has a lane of its own.
_Lane = deque[Delivery[R]]


@dataclass(slots=True, eq=False)
class _Track(Generic[R]):
    """One partition as long as it is assigned: the next offset to admit, and the unfinished deliveries in order."""

    expected: int | None
    unfinished: deque[Delivery[R]] = field(default_factory=deque)
    lanes: dict[bytes | int, _Lane[R]] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    #: Those of `tasks` that wait for the next try of a delivery.
    waiting: set[asyncio.Task[None]] = field(default_factory=set)
    #: Closing: nothing is admitted and nothing is tried again. Closed: its position no longer moves either.
    closing: bool = False
    closed: bool = False


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
        self._wakeups: deque[asyncio.Future[None]] = deque()
        #: How often each partition was released; a delivery from before that must not be admitted after it.
        self._releases: Counter[Partition] = Counter()
        self._open = True
        self.pending = 0
        self.working = 0
        #: When a process last returned or there was nothing to do, by the clock; for those who watch.
        self.moved_at = clock()
        self._clock = clock

    async def admit(self, delivery: Delivery[R]) -> bool:
        """
        Take a delivery, waiting for room. Within a partition, call it in the order of offsets.

        Returns False if it does not take it: the partition closes (it will be delivered again), or the window already
        had this offset.

        Raises:
            GapError: offsets before it were skipped on the way here.

        """
        partition = delivery.partition
        releases = self._releases[partition]
        while True:
            if not self._open or releases != self._releases[partition]:
                return False
            track = self._tracks.get(partition)
            if track is None:
                track = self._tracks[partition] = _Track(self._first_offset(partition))
            if track.closing or (track.expected is not None and delivery.offset < track.expected):
                return False
            if not self._has_room(track, delivery):
                await self._room()
                continue
            expected = track.expected
            if expected is None or delivery.offset == expected:
                break
            natural = await self._is_natural_gap(partition, expected, delivery.offset)
            # Meanwhile the partition may have been released, or another call may have admitted deliveries.
            if not track.closing and track.expected == expected:
                if not natural:
                    msg = f"{partition}: expected offset {expected}, was handed {delivery.offset}"
                    raise GapError(msg)
                if self._has_room(track, delivery):
                    break
        self._take(track, delivery)
        return True

    def _take(self, track: _Track[R], delivery: Delivery[R]) -> None:
        track.expected = delivery.offset + 1
        track.unfinished.append(delivery)
        if not self.pending:
            self.moved_at = self._clock()
        self.pending += 1
        key = delivery.offset if delivery.key is None else delivery.key
        lane = track.lanes.get(key)
        if lane is not None:
            lane.append(delivery)
            return
        track.lanes[key] = deque((delivery,))
        task = asyncio.create_task(self._run_lane(track, key))
        track.tasks.add(task)
        task.add_done_callback(track.tasks.discard)

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

        Deliveries that wait for their next try are dropped at once. After it returns, no position moves until `resume`.
        """
        self._open = False
        await self.release(tuple(self._tracks), deadline_s)

    async def release(self, partitions: Iterable[Partition], deadline_s: float) -> None:
        """Do as `drain`, for some partitions only; work on the others goes on. Each may be admitted again at once."""
        partitions = tuple(partitions)
        # A partition without deliveries gets a track too, so that none is admitted meanwhile.
        tracks = [self._tracks.setdefault(partition, _Track(None)) for partition in partitions]
        for track in tracks:
            track.closing = True
            for task in tuple(track.waiting):
                task.cancel()
        self._wake()
        tasks = {task for track in tracks for task in track.tasks}
        if tasks:
            await asyncio.wait(tasks, timeout=deadline_s)
        for partition in partitions:
            self._releases[partition] += 1
            released = self._tracks.pop(partition, None)
            if released is not None and not released.closed:
                released.closing = released.closed = True
                self.pending -= sum(not delivery.done for delivery in released.unfinished)
        self._wake()
        leftover = {task for task in tasks if not task.done()}
        for task in leftover:
            task.cancel()
        if leftover:
            await asyncio.wait(leftover, timeout=1)

    def resume(self) -> None:
        """Open the window for a new assignment."""
        self._open = True

    def _has_room(self, track: _Track[R], delivery: Delivery[R]) -> bool:
        if self.pending >= self._pending_limit:
            return False
        return not track.unfinished or delivery.offset - track.unfinished[0].offset < self._span_limit

    async def _room(self) -> None:
        wakeup: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wakeups.append(wakeup)
        await wakeup

    def _wake(self) -> None:
        while self._wakeups:
            wakeup = self._wakeups.popleft()
            if not wakeup.done():
                wakeup.set_result(None)

    async def _run_lane(self, track: _Track[R], key: bytes | int) -> None:
        lane = track.lanes[key]
        while lane:
            try:
                if not await self._finish(lane[0], track):
                    return
            except Exception as error:  # noqa: BLE001 - process must not raise; if it does, nothing may be acked
                self._crash(error)
                return
            if track.closed:
                return
            self._done(track, lane.popleft())
        del track.lanes[key]

    async def _finish(self, delivery: Delivery[R], track: _Track[R]) -> bool:
        """Work on it until it is done (True), or until the partition closes before its next try (False)."""
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
            if track.closing:
                return False
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - a lane always runs in a task
            track.waiting.add(task)
            try:
                await self._sleep(delay)
            finally:
                track.waiting.discard(task)

    def _done(self, track: _Track[R], delivery: Delivery[R]) -> None:
        delivery.done = True
        self.pending -= 1
        position = None
        while track.unfinished and track.unfinished[0].done:
            position = track.unfinished.popleft().offset + 1
        if position is not None:
            self._ack(delivery.partition, position)
        self._wake()
