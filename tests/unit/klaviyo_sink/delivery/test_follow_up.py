"""A row that stayed dirty is written again once nobody has written it for a while, by one process of several."""

import asyncio
from datetime import timedelta

from outfits import NOON
from virtual_loop import VirtualLoop

from klaviyo_sink.delivery.batches import OVERTAKEN, Batches
from klaviyo_sink.delivery.follow_up import FollowUps
from klaviyo_sink.delivery.results import Delivered
from klaviyo_sink.state.folding import Folded
from klaviyo_sink.state.settling import Current, Duty, Settled

AFTER_S = 30.0


class Row:
    """A shopper's row, and the processes that write it: a write that is not sure leaves it dirty, as in a batch."""

    def __init__(self, dirty) -> None:
        self.dirty, self.writes = dirty, []

    def process(self, name):
        def write(event):
            self.writes.append((name, asyncio.get_running_loop().time()))
            if follow_ups.all_landed(event.shopper_id, self.dirty):
                self.dirty = 0
            else:
                self.dirty = -abs(self.dirty) - 1
                follow_ups.add(event, self.dirty)

        async def find_dirty(_shopper_id):
            return self.dirty

        follow_ups = FollowUps(write, find_dirty, AFTER_S)
        return follow_ups


def test_two_processes_with_the_same_shopper_do_not_write_in_turns(outfit):
    row = Row(-5)

    async def both():
        one, other = row.process("one"), row.process("other")
        one.add(outfit(), -5)
        await asyncio.sleep(10)
        row.dirty = -6
        other.add(outfit(), -6)
        await asyncio.sleep(20 * AFTER_S)
        assert not one.waiting | other.waiting

    VirtualLoop().run(both())
    assert (row.writes, row.dirty) == ([("other", 10 + AFTER_S)], 0)


def test_a_ticket_that_stays_is_written_over_unsurely_and_then_once_more(outfit):
    """Its write may have waited for the limits, and left right before its process ended."""
    row = Row(-5)

    async def one_ends():
        one = row.process("one")
        one.add(outfit(), -5)
        await asyncio.sleep(10)
        # The ticket of a write by a process that ends now.
        row.dirty = 6
        await asyncio.sleep(20 * AFTER_S)

    VirtualLoop().run(one_ends())
    assert (row.writes, row.dirty) == ([("one", 2 * AFTER_S), ("one", 3 * AFTER_S)], 0)


def test_a_row_that_is_clean_by_then_is_not_written(outfit):
    row = Row(-5)

    async def somebody_else_writes():
        one = row.process("one")
        one.add(outfit(), -5)
        row.dirty = 0
        await asyncio.sleep(2 * AFTER_S)
        assert not one.waiting

    VirtualLoop().run(somebody_else_writes())
    assert row.writes == []


def test_while_the_database_fails_the_shopper_waits_and_a_closed_one_looks_no_more(outfit):
    looks = []

    async def find_dirty(shopper_id):
        looks.append(shopper_id)

    async def failing():
        follow_ups = FollowUps(looks.append, find_dirty, AFTER_S)
        follow_ups.add(outfit())
        await asyncio.sleep(2.5 * AFTER_S)
        assert follow_ups.waiting == {"s1"}
        follow_ups.clear()
        await asyncio.sleep(2.5 * AFTER_S)
        assert not follow_ups.waiting

    VirtualLoop().run(failing())
    assert looks == ["s1", "s1"]


async def test_a_shopper_whom_others_keep_writing_is_looked_at_again(outfit):
    class Overtaken:
        ticket = 1

        def fold(self, events):
            return [Folded({}, 1, 0, "name", known=False, ticket=1) for _ in events]

        def settle(self, writes, *, at):  # noqa: ARG002 - as StateDatabase.settle
            self.ticket += 1
            return {one.shopper_id: Settled(Duty.MEND, self.ticket, Current(2, "{}")) for one in writes}

    class Open:
        async def send_events(self, rows, lane):
            return {row.key: Delivered(lane) for row in rows}

        async def send_states(self, rows):
            return {row.key: Delivered("bulk") for row in rows}

    async def here(call, given, **also):  # noqa: ANN003 - whatever a call takes
        return call(given, **also)

    row = Row(0)
    follow_ups = row.process("one")
    batches = Batches(Overtaken(), Open(), here, "Outfit Tagged", timedelta(days=1), lambda: NOON, follow_ups)
    assert await batches.write([outfit()], "single", {}) == [OVERTAKEN]
    assert follow_ups.waiting == {"s1"}
    follow_ups.clear()
