"""
The window's state of one partition: its unfinished deliveries in offset order, and a lane for each key.

Pure asyncio: knows no slots, no limits and no Kafka.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

R = TypeVar("R")


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int


async def _at_once() -> None:
    """Return at once: the default turn."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class Delivery(Generic[R]):
    """One record from a topic, with what the window needs to schedule it. The window never looks into `record`."""

    partition: Partition
    key: bytes | None
    offset: int
    record: R
    #: How often the window passed it to `process`, including the current try.
    attempts: int = 0
    done: bool = False
    #: Await it before the result is published: it returns once the earlier deliveries of the key are done.
    turn: Callable[[], Awaitable[None]] = _at_once


class Lane(Generic[R]):
    """The unfinished deliveries of one key in one partition, in order. A record without a key has a lane of its own."""

    def __init__(self) -> None:
        """Start empty."""
        self.deliveries: deque[Delivery[R]] = deque()
        self._turns: dict[int, asyncio.Future[None]] = {}
        self._abandoned = False

    async def turn(self, delivery: Delivery[R]) -> None:
        """
        Wait until `delivery` is the first of the lane.

        Raises:
            asyncio.CancelledError: An earlier delivery will not be finished, so its turn never comes.

        """
        if self._abandoned:
            raise asyncio.CancelledError
        if self.deliveries[0] is delivery:
            return
        turn = self._turns[delivery.offset] = asyncio.get_running_loop().create_future()
        try:
            await turn
        finally:
            self._turns.pop(delivery.offset, None)

    def finish_first(self) -> Delivery[R]:
        """Remove the first delivery, which is done, and give the next one its turn."""
        first = self.deliveries.popleft()
        if self.deliveries:
            turn = self._turns.get(self.deliveries[0].offset)
            if turn is not None and not turn.done():
                turn.set_result(None)
        return first

    def abandon(self) -> None:
        """Cancel the waits for a turn, because an earlier delivery will not be finished here."""
        self._abandoned = True
        for turn in self._turns.values():
            turn.cancel()


@dataclass(slots=True, eq=False)
class Track(Generic[R]):
    """One partition while it is assigned: the next offset to admit, and the unfinished deliveries in order."""

    expected: int | None
    unfinished: deque[Delivery[R]] = field(default_factory=deque)
    #: How many of `unfinished` are not done.
    pending: int = 0
    lanes: dict[bytes | int, Lane[R]] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    #: Those of `tasks` that wait for the next try of a delivery.
    waiting: set[asyncio.Task[None]] = field(default_factory=set)
    #: `closing`: admits no delivery and starts no retry. `closed`: its position does not move any more either.
    closing: bool = False
    closed: bool = False

    def add(self, delivery: Delivery[R]) -> Lane[R]:
        """Add a delivery, and return its lane."""
        self.expected = delivery.offset + 1
        self.unfinished.append(delivery)
        self.pending += 1
        lane = self.lanes.setdefault(_key_of(delivery), Lane())
        lane.deliveries.append(delivery)
        return lane

    def finish_first(self, lane: Lane[R]) -> int | None:
        """Mark the first delivery of a lane as done; return the new position of the partition if it moves."""
        delivery = lane.finish_first()
        if not lane.deliveries:
            del self.lanes[_key_of(delivery)]
        delivery.done = True
        self.pending -= 1
        position = None
        while self.unfinished and self.unfinished[0].done:
            position = self.unfinished.popleft().offset + 1
        return position


def _key_of(delivery: Delivery[R]) -> bytes | int:
    return delivery.offset if delivery.key is None else delivery.key
