"""
The window: deliveries that were admitted and are not finished, and the offset up to which each partition is done.

Pure asyncio: knows neither Faust nor Kafka. It gets deliveries, and a coroutine that processes one. It guarantees:

- A position moves only over the contiguous prefix of its partition that is done.
- Deliveries of one key in one partition finish one at a time, in order. `process` gets one of them at a time. With
  `overlap` it gets all of them, and publishes in order because it awaits `delivery.turn()` first.
- At most `in_flight` deliveries are being processed, at most `pending` are unfinished, and in each partition fewer than
  `span` offsets lie between the oldest unfinished delivery and the newest.
- A partition leaves room for the others: once `in_flight` deliveries are pending, a partition that has as many pending
  as there are free places gets no more.
- After `drain`, nothing that still runs can move a position.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic

from streams.runtime.slots import Slots
from streams.runtime.track import Delivery, Lane, Partition, R, Track

#: Processes one delivery. Returns None when it is done, else the seconds until the next try.
Process = Callable[[Delivery[R]], Awaitable[float | None]]


class GapError(Exception):
    """Records were skipped before they reached the window. Continuing would commit records that nobody processed."""


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
        overlap: bool = False,
        partitions: Callable[[], int] = lambda: 1,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Make an open, empty window.

        Args:
            process: Processes one delivery; must not raise.
            ack: Called each time the contiguous prefix of a partition grows: everything below this offset is done.
            first_offset: Returns the offset at which a partition must start after an assignment; None if unknown.
            is_natural_gap: Returns whether [expected, offset) of a partition contains no record for the stage.
            crash: Called with the exception if `process` raises.
            in_flight: Most deliveries processed at once.
            pending: Most unfinished deliveries.
            span: Largest distance in offsets from the oldest unfinished delivery to the newest, per partition.
            partitions: How many partitions are assigned.
            overlap: Whether deliveries of one key are processed at the same time; `process` then awaits their turn.
            sleep: Waits before a retry.
            clock: Returns the seconds for `moved_at`.

        """
        self._process, self._ack, self._crash, self._sleep = process, ack, crash, sleep
        self._partitions = partitions
        self._first_offset, self._is_natural_gap = first_offset, is_natural_gap
        self._slots = Slots(in_flight)
        self._in_flight, self._pending_limit, self._span_limit, self._overlap = in_flight, pending, span, overlap
        self._tracks: dict[Partition, Track[R]] = {}
        self._wakeups: deque[asyncio.Future[None]] = deque()
        #: How often each partition was released. A delivery from before a release must not be admitted after it.
        self._releases: Counter[Partition] = Counter()
        self._open = True
        self.pending = 0
        self.working = 0
        #: Time of the last progress, for the watchdog: a `process` returned, or the window was empty.
        self.moved_at = clock()
        self._clock = clock

    async def admit(self, delivery: Delivery[R]) -> bool:
        """
        Admit a delivery, after waiting for room. Within a partition, call it in the order of offsets.

        Returns False if it is not admitted: its partition is closing, so it will be delivered again, or the window has
        had this offset before.

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
                track = self._tracks[partition] = Track(self._first_offset(partition))
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
                    msg = f"{partition}: expected offset {expected}, got {delivery.offset}"
                    raise GapError(msg)
                if self._has_room(track, delivery):
                    break
        self._take(track, delivery)
        return True

    def _take(self, track: Track[R], delivery: Delivery[R]) -> None:
        if not self.pending:
            self.moved_at = self._clock()
        self.pending += 1
        lane = track.add(delivery)
        if not self._overlap and len(lane.deliveries) > 1:
            # The task of the lane processes it later.
            return
        work = self._run_one(track, lane, delivery) if self._overlap else self._run_lane(track, lane)
        task = asyncio.create_task(work)
        track.tasks.add(task)
        task.add_done_callback(track.tasks.discard)

    def oldest(self) -> list[Delivery[R]]:
        """List the oldest unfinished delivery of each partition."""
        return [track.unfinished[0] for track in self._tracks.values() if track.unfinished]

    async def drain(self, deadline_s: float) -> None:
        """
        Close the window: finish what is queued for up to `deadline_s` seconds, drop the rest.

        Deliveries that wait for their next try are dropped at once. After it returns, no position moves until `resume`.
        """
        self._open = False
        await self.release(tuple(self._tracks), deadline_s)

    async def release(self, partitions: Iterable[Partition], deadline_s: float) -> None:
        """Drain some partitions only; the others continue. A new assignment may admit their deliveries at once."""
        partitions = tuple(partitions)
        # Create a track for a partition without deliveries too, so that it admits none meanwhile.
        tracks = [self._tracks.setdefault(partition, Track(None)) for partition in partitions]
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
                self.pending -= released.pending
        self._wake()
        leftover = {task for task in tasks if not task.done()}
        for task in leftover:
            task.cancel()
        if leftover:
            await asyncio.wait(leftover, timeout=1)

    def resume(self) -> None:
        """Open the window for a new assignment."""
        self._open = True

    def _has_room(self, track: Track[R], delivery: Delivery[R]) -> bool:
        free = self._pending_limit - self.pending
        if free <= 0:
            return False
        if self._partitions() > 1 and self.pending >= self._in_flight and track.pending >= free:
            # A partition that makes no progress must not block the others.
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

    async def _run_lane(self, track: Track[R], lane: Lane[R]) -> None:
        """Process the deliveries of a lane one after the other."""
        while lane.deliveries and await self._run_first(track, lane, lane.deliveries[0]):
            pass

    async def _run_one(self, track: Track[R], lane: Lane[R], delivery: Delivery[R]) -> None:
        """Process one delivery concurrently with the others of its lane."""
        finished = False
        try:
            finished = await self._run_first(track, lane, delivery)
        finally:
            if not finished:
                lane.abandon()

    async def _run_first(self, track: Track[R], lane: Lane[R], delivery: Delivery[R]) -> bool:
        """Process a delivery, and mark it done when it is first in its lane. Return False if its partition closed."""
        try:
            if not await self._finish(delivery, track, lane):
                return False
            if self._overlap:
                await lane.turn(delivery)
        except Exception as error:  # noqa: BLE001 - process must not raise; if it does, nothing may be acked
            self._crash(error)
            return False
        if track.closed:
            return False
        position = track.finish_first(lane)
        self.pending -= 1
        if position is not None:
            self._ack(delivery.partition, position)
        self._wake()
        return True

    async def _finish(self, delivery: Delivery[R], track: Track[R], lane: Lane[R]) -> bool:
        """Try a delivery until it is done (True), or until its partition closes before the next try (False)."""
        while True:
            delay = await self._attempt(delivery, lane)
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

    async def _attempt(self, delivery: Delivery[R], lane: Lane[R]) -> float | None:
        """Pass a delivery to `process` once. It has a slot until it awaits its turn."""
        await self._slots.take()
        has_slot = True

        async def turn() -> None:
            nonlocal has_slot
            if not has_slot:
                return
            has_slot = False
            self._slots.release()
            self.working -= 1
            try:
                await lane.turn(delivery)
            finally:
                self.working += 1
                self.moved_at = self._clock()

        if self._overlap:
            delivery.turn = turn
        delivery.attempts += 1
        self.working += 1
        try:
            return await self._process(delivery)
        finally:
            self.working -= 1
            self.moved_at = self._clock()
            if has_slot:
                self._slots.release()
