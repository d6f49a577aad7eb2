"""What the intake does with the batches of the poller."""

import asyncio

import pytest
from window_world import P0

from streams.config.settings import Settings
from streams.runtime.driver.batch import Batch
from streams.runtime.intake import Intake
from streams.runtime.stage import Record
from streams.runtime.track import Delivery, Partition
from streams.runtime.window import Window


class FakePoller:
    """A poller whose partitions stay in their first assignment."""

    def __init__(self) -> None:
        self.admitted_records = 0

    def assignment_of(self, _partition: Partition) -> int:
        return 1

    def admitted(self, _partition: Partition, records: int) -> None:
        self.admitted_records += records


class FakeWindow:
    """A window that takes what it gets, once `open` is set."""

    def __init__(self) -> None:
        self.open, self.offsets = asyncio.Event(), list[int]()

    async def admit(self, delivery: Delivery[Record]) -> bool:
        await self.open.wait()
        self.offsets.append(delivery.offset)
        return True


def batch(offset: int) -> Batch:
    return Batch(P0, 1, [Delivery(P0, b"s", offset, Record(b"s", b"{}", [], 0.0))])


@pytest.fixture
def crashes() -> list[BaseException]:
    return []


@pytest.fixture
def intake(crashes: list[BaseException]) -> Intake:
    intake = Intake(Settings(), group="g", topic="t", crash=crashes.append)
    intake.window, intake._poller = FakeWindow(), FakePoller()  # type: ignore[assignment] # fakes
    intake._partitions = {P0}
    return intake


async def admitted_all(intake: Intake) -> None:
    async with asyncio.timeout(10):
        while intake._admitting:
            await asyncio.sleep(0)


async def test_batches_of_a_partition_reach_the_window_in_their_order(intake):
    for offset in range(3):
        await intake.admit(batch(offset))
    intake.window.open.set()
    await admitted_all(intake)
    assert intake.window.offsets == [0, 1, 2]
    assert intake._poller.admitted_records == 3


async def test_a_batch_that_waits_while_its_partition_is_revoked_reaches_no_window(intake, crashes):
    worked_on = []

    async def process(delivery: Delivery[Record]) -> None:
        worked_on.append(delivery.offset)

    intake.window = Window(
        process,
        ack=intake.done,
        first_offset=intake.first_offset,
        is_natural_gap=intake.is_natural_gap,
        crash=crashes.append,
    )
    await intake.on_assigned([P0], {P0: 0})
    await intake.admit(batch(0))
    await admitted_all(intake)
    assert await intake.on_revoked([P0], lost=False) == {P0: 1}
    # The poller forgets the assignment a moment later.
    await intake.admit(batch(1))
    await admitted_all(intake)
    assert (worked_on, crashes) == ([0], [])
