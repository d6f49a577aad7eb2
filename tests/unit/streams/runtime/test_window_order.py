"""The window: work of one shopper ends in order, and positions move over finished work only."""

import asyncio
from collections.abc import Iterable

import pytest
from window_world import P0, P1, World, settle

from streams.runtime.track import Delivery, Partition
from streams.runtime.window import GapError


async def test_a_slow_head_holds_the_position_and_nothing_else():
    world = World()
    for offset, key in enumerate([b"a", b"b", b"c"]):
        await world.admit(P0, offset, key)
    await settle()
    await world.end(P0, 1)
    await world.end(P0, 2)
    assert world.acked == {}
    await world.end(P0, 0)
    assert world.acked == {P0: 3}


async def test_one_shopper_waits_for_their_own_uploads_only():
    world = World()
    for offset, key in enumerate([b"a", b"a", b"b"]):
        await world.admit(P0, offset, key)
    await settle()
    assert set(world.at_work) == {(P0, 0), (P0, 2)}
    await world.end(P0, 0)
    assert (P0, 1) in world.at_work


async def test_one_shopper_is_worked_on_at_once_where_keys_overlap_and_finished_in_order():
    world = World(overlap=True)
    for offset in range(3):
        await world.admit(P0, offset, b"kiosk")
    await settle()
    assert set(world.at_work) == {(P0, 0), (P0, 1), (P0, 2)}
    await world.end(P0, 2)
    await world.end(P0, 1)
    assert world.finished_of_key == {}
    await world.end(P0, 0)
    assert world.finished_of_key[P0, b"kiosk"] == [0, 1, 2]
    assert world.acked == {P0: 3}


async def test_a_delivery_that_waits_for_its_turn_holds_no_slot():
    world = World(overlap=True, in_flight=2, pending=12)
    for offset in range(3):
        await world.admit(P0, offset, b"kiosk")
    await world.admit(P0, 3, b"other")
    await settle()
    assert set(world.at_work) == {(P0, 0), (P0, 1)}
    await world.end(P0, 1)
    await world.end(P0, 2)
    await world.end(P0, 3)
    assert world.finished_of_key == {(P0, b"other"): [3]}


async def test_a_partition_that_does_not_move_leaves_room_for_the_others():
    world = World(in_flight=2, pending=8, span=100)
    taken = asyncio.create_task(admit_all(world, P0, range(8)))
    await settle()
    assert not taken.done()
    assert len(world.admitted[P0]) == 4
    assert await asyncio.wait_for(world.admit(P1, 0), 10)
    assert await asyncio.wait_for(world.admit(P1, 1), 10)
    taken.cancel()


async def admit_all(world: World, partition: Partition, offsets: Iterable[int]) -> None:
    for offset in offsets:
        await world.admit(partition, offset)


async def test_a_retry_keeps_its_place_in_the_lane():
    world = World()
    await world.admit(P0, 0, b"a")
    await world.admit(P0, 1, b"a")
    await settle()
    await world.end(P0, 0, again=1.0)
    await settle()
    assert set(world.at_work) == {(P0, 0)}
    await world.end(P0, 0)
    await world.end(P0, 1)
    assert world.finished_of_key[P0, b"a"] == [0, 1]


async def test_records_without_a_key_do_not_wait_for_each_other():
    world = World()
    await world.admit(P0, 0)
    await world.admit(P0, 1)
    await settle()
    assert set(world.at_work) == {(P0, 0), (P0, 1)}


async def test_a_skipped_record_is_never_acknowledged_over():
    world = World()
    await world.admit(P0, 0)
    with pytest.raises(GapError, match=r"expected offset 1, got 2"):
        await world.window.admit(Delivery(P0, None, 2, None))


async def test_a_gap_at_the_start_of_an_assignment_is_seen_too():
    world = World(starts={P0: 5})
    with pytest.raises(GapError, match="expected offset 5, got 7"):
        await world.window.admit(Delivery(P0, None, 7, None))


async def test_a_gap_in_which_nothing_was_ever_readable_is_no_gap():
    world = World(natural_gaps=True)
    await world.admit(P0, 0)
    assert await world.admit(P0, 4)
    await settle()
    await world.end(P0, 4)
    await world.end(P0, 0)
    assert world.acked == {P0: 5}


async def test_a_record_delivered_again_enters_the_window_once():
    world = World()
    assert await world.admit(P0, 0)
    assert not await world.window.admit(Delivery(P0, None, 0, None))


async def test_a_process_that_raises_crashes_and_acknowledges_nothing():
    world = World()

    async def broken(_delivery: Delivery[None]) -> float | None:
        raise RuntimeError

    world.window._process = broken
    await world.admit(P0, 0)
    await settle()
    assert [type(error) for error in world.crashes] == [RuntimeError]
    assert world.acked == {}
