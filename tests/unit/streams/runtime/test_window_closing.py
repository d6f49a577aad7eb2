"""The window: what happens to work in progress when the window drains or a partition is released."""

import asyncio

from window_world import P0, P1, World, settle

from streams.runtime.track import Delivery


async def test_a_closed_window_takes_nothing_until_it_is_opened_again():
    world = World()
    await world.window.drain(0)
    assert not await world.admit(P0, 0)
    world.window.resume()
    assert await world.admit(P0, 0)


async def test_draining_finishes_queued_records():
    world = World()
    for offset in range(3):
        await world.admit(P0, offset, b"a")
    await settle()
    draining = asyncio.create_task(world.window.drain(5))
    for offset in range(3):
        await settle()
        await world.end(P0, offset)
    await draining
    assert world.acked == {P0: 3}


async def test_draining_does_not_wait_for_retries():
    world = World()
    waits = asyncio.Event()

    async def wait_for_ever(_delay: float) -> None:
        waits.set()
        await asyncio.Event().wait()

    world.window._sleep = wait_for_ever
    await world.admit(P0, 0, b"a")
    await settle()
    await world.end(P0, 0, again=30.0)
    await waits.wait()
    await asyncio.wait_for(world.window.drain(30), 10)
    assert world.acked == {}


async def test_records_behind_a_waiting_retry_are_dropped_with_it_when_the_partition_closes():
    world = World(overlap=True)
    world.window._sleep = lambda _delay: asyncio.Event().wait()
    await world.admit(P0, 0, b"a")
    await world.admit(P0, 1, b"a")
    await settle()
    await world.end(P0, 0, again=30.0)
    await world.end(P0, 1)
    await asyncio.wait_for(world.window.drain(30), 10)
    assert world.acked == {}
    assert world.finished_of_key == {}
    assert world.window.pending == 0


async def test_work_that_ends_after_the_drain_moves_no_position():
    world = World()
    released = asyncio.Event()

    async def stubborn(_delivery: Delivery[None]) -> float | None:
        try:
            await released.wait()
        except asyncio.CancelledError:
            await released.wait()
        return None

    world.window._process = stubborn
    await world.admit(P0, 0)
    await settle()
    await world.window.drain(0.01)
    world.window.resume()
    released.set()
    await settle()
    assert world.acked == {}
    assert world.window.pending == 0


async def test_a_released_partition_finishes_or_drops_its_work_and_the_others_continue():
    world = World(pending=12)
    for partition in (P0, P1):
        for offset in range(2):
            assert await world.admit(partition, offset, b"k")
    await settle()
    releasing = asyncio.create_task(world.window.release([P0], 10))
    await settle()
    assert not await world.admit(P0, 2)
    assert await world.admit(P1, 2)
    await world.end(P0, 0)
    await world.end(P0, 1)
    await releasing
    assert world.acked == {P0: 2}
    await world.end(P1, 0)
    assert world.acked == {P0: 2, P1: 1}


async def test_work_that_outlasts_the_release_moves_no_position():
    world = World()
    await world.admit(P0, 0)
    await world.admit(P1, 0)
    await settle()
    await world.window.release([P0], 0)
    assert world.window.pending == 1
    await world.end(P1, 0)
    assert world.acked == {P1: 1}
    world.starts[P0] = 0
    world.admitted[P0].clear()
    assert await world.admit(P0, 0)


async def test_a_record_that_waited_through_a_release_is_not_admitted_after_it():
    world = World(pending=1)
    await world.admit(P1, 0)
    waiting = asyncio.create_task(world.admit(P0, 0))
    await settle()
    await world.window.release([P0], 0)
    await world.end(P1, 0)
    assert await waiting is False
