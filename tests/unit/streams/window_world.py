"""A window whose work ends when the test decides, and which checks the window's promises."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

from streams.runtime.track import Delivery, Partition
from streams.runtime.window import Window

P0, P1 = Partition("t", 0), Partition("t", 1)


@dataclass
class World:
    """A world that the test controls: work ends when the test decides, and every step checks the promises."""

    in_flight: int = 3
    pending: int = 6
    span: int = 5
    natural_gaps: bool = False
    overlap: bool = False
    at_work: dict[tuple[Partition, int], asyncio.Future[float | None]] = field(default_factory=dict)
    done: dict[Partition, set[int]] = field(default_factory=lambda: defaultdict(set))
    admitted: dict[Partition, list[int]] = field(default_factory=lambda: defaultdict(list))
    finished_of_key: dict[tuple[Partition, bytes], list[int]] = field(default_factory=lambda: defaultdict(list))
    acked: dict[Partition, int] = field(default_factory=dict)
    crashes: list[BaseException] = field(default_factory=list)
    starts: dict[Partition, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.window: Window[None] = Window(
            self.process,
            ack=self.ack,
            first_offset=self.first_offset,
            is_natural_gap=self.is_natural_gap,
            crash=self.crashes.append,
            in_flight=self.in_flight,
            pending=self.pending,
            span=self.span,
            overlap=self.overlap,
            partitions=lambda: 2,
            sleep=lambda _delay: asyncio.sleep(0),
        )

    def first_offset(self, partition: Partition) -> int | None:
        return self.starts.get(partition)

    async def is_natural_gap(self, _partition: Partition, _expected: int, _offset: int) -> bool:
        return self.natural_gaps

    async def process(self, delivery: Delivery[None]) -> float | None:
        place = (delivery.partition, delivery.offset)
        assert place not in self.at_work, "worked on twice at once"
        assert len(self.at_work) < self.in_flight
        assert self.window.pending <= self.pending
        oldest = {one.partition: one.offset for one in self.window.oldest()}
        assert max(self.admitted[delivery.partition]) - oldest[delivery.partition] < self.span
        self.at_work[place] = asyncio.get_running_loop().create_future()
        try:
            again = await self.at_work[place]
        finally:
            del self.at_work[place]
        if again is None:
            await delivery.turn()
            self.done[delivery.partition].add(delivery.offset)
            if delivery.key is not None:
                self.finished_of_key[delivery.partition, delivery.key].append(delivery.offset)
        return again

    def ack(self, partition: Partition, offset: int) -> None:
        unfinished = [o for o in self.admitted[partition] if o < offset and o not in self.done[partition]]
        assert not unfinished, "acknowledged past unfinished work"
        assert offset > self.acked.get(partition, -1), "a position moved backwards"
        self.acked[partition] = offset

    async def admit(self, partition: Partition, offset: int, key: bytes | None = None) -> bool:
        taken = await self.window.admit(Delivery(partition, key, offset, None))
        if taken:
            self.admitted[partition].append(offset)
        return taken

    async def end(self, partition: Partition, offset: int, again: float | None = None) -> None:
        self.at_work[partition, offset].set_result(again)
        await settle()


async def settle() -> None:
    for _ in range(12):
        await asyncio.sleep(0)
