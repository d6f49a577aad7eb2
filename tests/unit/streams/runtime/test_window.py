"""The window's promises, whatever the order in which work ends, fails or is taken away."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from window_world import World, settle

from streams.runtime.track import Delivery, Partition
from streams.runtime.window import GapError

P0, P1 = Partition("t", 0), Partition("t", 1)


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


async def test_what_waits_for_a_retry_before_it_is_dropped_with_it_when_the_partition_closes():
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
    with pytest.raises(GapError, match=r"expected offset 1, was handed 2"):
        await world.window.admit(Delivery(P0, None, 2, None))


async def test_a_gap_at_the_start_of_an_assignment_is_seen_too():
    world = World(starts={P0: 5})
    with pytest.raises(GapError, match="expected offset 5, was handed 7"):
        await world.window.admit(Delivery(P0, None, 7, None))


async def test_a_gap_in_which_nothing_was_ever_readable_is_no_gap():
    world = World(natural_gaps=True)
    await world.admit(P0, 0)
    assert await world.admit(P0, 4)
    await settle()
    await world.end(P0, 4)
    await world.end(P0, 0)
    assert world.acked == {P0: 5}


async def test_a_record_delivered_again_is_not_taken_twice():
    world = World()
    assert await world.admit(P0, 0)
    assert not await world.window.admit(Delivery(P0, None, 0, None))


async def test_a_closed_window_takes_nothing_until_it_is_opened_again():
    world = World()
    await world.window.drain(0)
    assert not await world.admit(P0, 0)
    world.window.resume()
    assert await world.admit(P0, 0)


async def test_draining_finishes_what_was_queued():
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


async def test_work_that_ends_after_the_drain_moves_nothing():
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


async def test_a_process_that_raises_crashes_and_acknowledges_nothing():
    world = World()

    async def broken(_delivery: Delivery[None]) -> float | None:
        raise RuntimeError

    world.window._process = broken
    await world.admit(P0, 0)
    await settle()
    assert [type(error) for error in world.crashes] == [RuntimeError]
    assert world.acked == {}


steps = st.lists(
    st.one_of(
        st.tuples(st.just("end"), st.integers(0, 9)),
        st.tuples(st.just("again"), st.integers(0, 9)),
        st.tuples(st.just("rebalance"), st.just(0)),
        st.tuples(st.just("wait"), st.just(0)),
    ),
    max_size=60,
)
records = st.lists(
    st.tuples(st.sampled_from([P0, P1]), st.sampled_from([b"a", b"b", b"c", None]), st.integers(0, 2)),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(
    records=records,
    steps=steps,
    in_flight=st.integers(1, 4),
    pending=st.integers(1, 8),
    span=st.integers(1, 8),
    overlap=st.booleans(),
)
def test_any_interleaving_keeps_every_promise(
    records: list[tuple[Partition, bytes | None, int]],
    steps: list[tuple[str, int]],
    in_flight: int,
    pending: int,
    span: int,
    overlap: bool,
):
    """
    Completions, retries, gaps and rebalances in any order: the checks stand in `World`.

    After a rebalance the records from the last acknowledged position on are delivered again, as
    Kafka would; at the end everything drains and every position stands behind the last record.
    """

    async def run() -> None:
        world = World(in_flight=in_flight, pending=pending, span=span, natural_gaps=True, overlap=overlap)
        logs: dict[Partition, list[tuple[int, bytes | None]]] = defaultdict(list)
        for partition, key, gap in records:
            offset = logs[partition][-1][0] + 1 + gap if logs[partition] else 0
            logs[partition].append((offset, key))

        def feed() -> asyncio.Task[None]:
            async def deliver() -> None:
                rest = {p: [one for one in log if one[0] >= world.acked.get(p, 0)] for p, log in logs.items()}
                while any(rest.values()):
                    for partition, log in rest.items():
                        if log:
                            offset, key = log.pop(0)
                            await world.admit(partition, offset, key)

            return asyncio.create_task(deliver())

        feeder = feed()
        for verb, number in steps:
            await settle()
            if verb == "rebalance":
                await world.window.drain(0)
                feeder.cancel()
                for places in (world.admitted, world.done, world.finished_of_key):
                    places.clear()
                world.window.resume()
                feeder = feed()
            elif verb in {"end", "again"} and world.at_work:
                place = sorted(world.at_work)[number % len(world.at_work)]
                await world.end(*place, again=None if verb == "end" else 1.0)
        for _ in range(1000):
            await settle()
            if feeder.done() and not world.at_work and world.window.pending == 0:
                break
            for place in sorted(world.at_work):
                if place in world.at_work:
                    await world.end(*place)
        assert not world.crashes
        await asyncio.wait_for(feeder, 10)
        await world.window.drain(1)
        assert world.acked == {partition: log[-1][0] + 1 for partition, log in logs.items()}
        for offsets in world.finished_of_key.values():
            assert offsets == sorted(offsets)

    asyncio.run(run())


async def test_a_released_partition_finishes_or_drops_its_work_and_the_others_go_on():
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
