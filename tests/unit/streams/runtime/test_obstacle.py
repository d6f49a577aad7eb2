"""A batch that ends every process is found, whatever lies around it, and stepped over once."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from window_world import P0

from streams.kafka.strangers import is_our_commit
from streams.runtime.driver.batch import Batch, Position
from streams.runtime.driver.obstacle import Ahead, start_metadata, starts_of, step_over
from streams.runtime.stage import Record
from streams.runtime.track import Delivery


class Log:
    """A log of batches of some sizes; a child process dies at the offsets of one of them."""

    def __init__(self, sizes: list[int], deadly: int | None) -> None:
        self.end = sum(sizes)
        self.first = self.end if deadly is None else sum(sizes[:deadly])
        self.behind = self.end if deadly is None else self.first + sizes[deadly]
        self.deaths = 0

    def _is_deadly(self, offset: int) -> bool:
        return self.first <= offset < self.behind

    def read(self, position: Position) -> Ahead:
        start = position.next or 0
        if start >= self.behind or self.first == self.end:
            return Ahead(Position(position.assignment, self.end, 0))
        self.deaths += 1
        offsets = range(start, max(start, self.first))
        deliveries = [Delivery(P0, None, one, Record(None, b"{}", [], 0.0)) for one in offsets]
        batches = [Batch(P0, position.assignment, deliveries)] if deliveries else []
        return Ahead(Position(position.assignment, offsets.stop, 0), batches, died=True)

    def readable(self, offsets: Sequence[int]) -> int:
        for number, offset in enumerate(offsets):
            if self._is_deadly(offset):
                self.deaths += 1
                return number
        return len(offsets)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.data())
def test_records_before_the_batch_are_read_and_the_batch_becomes_one_letter(sizes, data):
    deadly = data.draw(st.integers(0, len(sizes) - 1))
    log = Log(sizes, deadly)
    first, behind = log.first, log.behind
    start = data.draw(st.integers(0, first))
    found = step_over(log, P0, Position(7, start, 0), log.end)
    assert found is not None
    assert found.position.next == behind
    assert {batch.assignment for batch in found.batches} == {7}
    deliveries = [delivery for batch in found.batches for delivery in batch.deliveries]
    assert [one.offset for one in deliveries] == [*range(start, first), behind - 1]
    assert f"offsets {first} to {behind - 1}" in deliveries[-1].record.unreadable
    gaps = {offset: begin for batch in found.batches for offset, begin in batch.gaps.items()}
    assert gaps == ({behind - 1: first} if behind - 1 > first else {})


def test_the_end_of_a_large_batch_costs_few_child_processes():
    log = Log([100, 10_000, 50_000], 1)
    found = step_over(log, P0, Position(7, 0, 0), log.end)
    assert found is not None
    assert found.position.next == 10_100
    assert log.deaths <= 15


def test_nothing_is_stepped_over_where_everything_can_be_read():
    log = Log([3, 4], None)
    assert step_over(log, P0, Position(1, 0, 0), log.end) is None


def test_nothing_is_stepped_over_where_a_child_process_dies_without_a_record():
    class Hopeless(Log):
        def read(self, position: Position) -> Ahead:
            return Ahead(position, died=True)

        def readable(self, _offsets: Sequence[int]) -> int:
            return 0

    assert step_over(Hopeless([10], None), P0, Position(1, 0, 0), 10) is None


def test_a_child_process_that_dies_with_records_is_followed_by_another():
    class Unlucky(Log):
        def read(self, position: Position) -> Ahead:
            found = super().read(position)
            if position.next or not found.batches:
                return found
            some = Batch(P0, position.assignment, found.batches[0].deliveries[:4])
            return Ahead(Position(position.assignment, 4, 0), [some], died=True)

    log = Unlucky([10, 5, 3], 1)
    found = step_over(log, P0, Position(1, 0, 0), log.end)
    assert found is not None
    offsets = [delivery.offset for batch in found.batches for delivery in batch.deliveries]
    assert offsets == [*range(10), 14]


@pytest.mark.parametrize(
    ("metadata", "starts"),
    [
        (None, 0),
        ("", 0),
        ("hangtag", 0),
        ("hangtag start 2", 2),
        ("hangtag start x", 0),
        ("hangtag start 99999", 0),
        ("hangtag start 2 foreign", 2),
    ],
)
def test_starts_are_counted_in_the_metadata_of_a_commit(metadata, starts):
    assert starts_of(metadata) == starts


@pytest.mark.parametrize(("metadata", "ours"), [("hangtag", True), (None, False), ("", False), ("hangtagger", False)])
def test_a_count_of_starts_does_not_hide_whose_commit_it_is(metadata, ours):
    assert is_our_commit(metadata) == ours
    for starts in range(1, 5):
        metadata = start_metadata(metadata)
        assert (starts_of(metadata), is_our_commit(metadata)) == (starts, ours)
