"""The window keeps its promises under any order of completions, retries, gaps and rebalances."""

import asyncio
from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st
from window_world import P0, P1, World, settle

from streams.runtime.track import Partition

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
    Completions, retries, gaps and rebalances in any order; `World` contains the checks.

    After a rebalance the records from the last acknowledged position on are delivered again, as
    Kafka would; at the end everything drains and every position is behind the last record.
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
