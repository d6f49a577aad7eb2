"""What the intake does with the batches of the poller."""

import asyncio

import pytest
from window_world import P0

from streams.config.settings import Settings
from streams.runtime.driver.batch import Batch
from streams.runtime.intake import Intake
from streams.runtime.stage import Record
from streams.runtime.track import Delivery, Partition


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
def intake() -> Intake:
    intake = Intake(Settings(), group="g", topic="t", crash=pytest.fail)
    intake.window, intake._poller = FakeWindow(), FakePoller()  # type: ignore[assignment] # fakes
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


async def test_a_partition_accepts_batches_after_its_task_was_cancelled(intake):
    await intake.admit(batch(0))
    await asyncio.sleep(0)
    (task,) = intake._admitting
    task.cancel()
    await admitted_all(intake)
    intake.window.open.set()
    await intake.admit(batch(1))
    await admitted_all(intake)
    assert intake.window.offsets == [1]
