"""Slots go to waiters in order, never to more than there are, and none is lost when a waiter is cancelled."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from streams.runtime.slots import Slots


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_slots_are_handed_on_in_the_order_of_asking():
    slots, order = Slots(1), []

    async def take(number: int) -> None:
        async with slots:
            order.append(number)

    async with slots:
        takers = [asyncio.create_task(take(number)) for number in range(5)]
        await settle()
        assert order == []
    await asyncio.gather(*takers)
    assert order == [0, 1, 2, 3, 4]


async def test_a_late_caller_does_not_overtake_a_waiter_with_a_slot():
    slots, order = Slots(1), []

    async def take(name: str) -> None:
        async with slots:
            order.append(name)

    async with slots:
        early = asyncio.create_task(take("early"))
        await settle()
    late = asyncio.create_task(take("late"))
    await asyncio.gather(early, late)
    assert order == ["early", "late"]


async def test_a_slot_handed_to_a_taker_that_is_cancelled_goes_to_the_next():
    slots = Slots(1)

    async def take() -> str:
        async with slots:
            return "had one"

    async with slots:
        gone, next_one = asyncio.create_task(take()), asyncio.create_task(take())
        await settle()
    # It has been handed the slot, and has not run since.
    gone.cancel()
    assert await asyncio.wait_for(next_one, 1) == "had one"
    assert gone.cancelled()


@given(
    count=st.integers(1, 3), steps=st.lists(st.tuples(st.sampled_from(["add", "give", "cancel"]), st.integers(0, 9)))
)
def test_the_number_of_slots_stays_the_same(count: int, steps: list[tuple[str, int]]):
    async def run() -> None:
        slots, held, most = Slots(count), 0, 0
        takers: list[tuple[asyncio.Task[None], asyncio.Event]] = []

        async def take(leave: asyncio.Event) -> None:
            nonlocal held, most
            async with slots:
                held += 1
                most = max(most, held)
                try:
                    await leave.wait()
                finally:
                    held -= 1

        for step, at in steps:
            if step == "add":
                leave = asyncio.Event()
                takers.append((asyncio.create_task(take(leave)), leave))
            elif takers:
                task, leave = takers[at % len(takers)]
                leave.set() if step == "give" else task.cancel()
            if at % 2:
                await settle()
        assert most <= count
        for _task, leave in takers:
            leave.set()
        await asyncio.wait_for(asyncio.gather(*[task for task, _ in takers], return_exceptions=True), 5)
        assert slots._free == count

    asyncio.run(run())
