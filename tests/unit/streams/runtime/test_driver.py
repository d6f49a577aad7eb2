"""The driver's decisions: what a batch holds, which epoch a commit carries, and where a cut log is read again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.config.settings import Settings
from streams.kafka.partition_log import LogBounds
from streams.runtime.commits import Commits
from streams.runtime.driver.batch import LARGEST_VALUE, Position, batches_of
from streams.runtime.driver.config import consumer_config
from streams.runtime.driver.recovery import restart_at
from streams.runtime.track import Partition

P0, P1 = Partition("t", 0), Partition("t", 1)


class FakeMessage:
    """As much of confluent-kafka's Message as a delivery needs."""

    def __init__(self, partition: int, offset: int, epoch: int = 0, size: int = 2, *, foreign: bool = False) -> None:
        self._at, self._epoch, self._size, self._foreign = (partition, offset), epoch, size, foreign

    def __len__(self) -> int:
        return self._size

    def partition(self) -> int:
        return self._at[0]

    def offset(self) -> int:
        return self._at[1]

    def leader_epoch(self) -> int:
        return self._epoch

    def key(self) -> bytes:
        return b"s"

    def value(self) -> bytes:
        assert self._size <= LARGEST_VALUE, "copied"
        return b"{}"

    def timestamp(self) -> tuple[int, int]:
        return 1, 5000

    def headers(self) -> list[tuple[str, bytes]] | None:
        if self._foreign:
            b"\xef".decode()
        return None


def batches(messages: list[FakeMessage], positions: dict[int, Position]):
    return batches_of(messages, "t", positions, lambda _message: [("na\\xefve", b"x")])  # type: ignore[arg-type]


def test_a_batch_for_each_partition_of_ours_in_the_order_of_offsets():
    positions = {0: Position(7, 5, 0), 1: Position(8, None, None)}
    found = batches([FakeMessage(0, 5), FakeMessage(1, 9), FakeMessage(2, 1), FakeMessage(0, 6)], positions)
    assert [(one.partition, one.assignment, [d.offset for d in one.deliveries]) for one in found] == [
        (P0, 7, [5, 6]),
        (P1, 8, [9]),
    ]
    assert (positions[0].next, positions[1].next) == (7, 10)


@given(st.lists(st.integers(1, 4), max_size=20))
def test_every_gap_says_where_it_begins(steps):
    positions = {0: Position(1, 100, 0)}
    offsets, at = [], 99
    for step in steps:
        at += step
        offsets.append(at)
    gaps = {}
    for batch in batches([FakeMessage(0, offset) for offset in offsets], positions):
        gaps |= batch.gaps
    before = [100, *(offset + 1 for offset in offsets)]
    assert gaps == {offset: expected for offset, expected in zip(offsets, before, strict=False) if offset != expected}


def test_foreign_header_names_are_read_in_another_way():
    ((delivery,),) = [batch.deliveries for batch in batches([FakeMessage(0, 0, foreign=True)], {0: Position(1, 0, 0)})]
    assert delivery.record.headers == [("na\\xefve", b"x")]


def test_a_value_that_no_dead_letter_can_hold_is_never_copied():
    ((delivery,),) = [
        batch.deliveries for batch in batches([FakeMessage(0, 0, size=LARGEST_VALUE + 1)], {0: Position(1, 0, 0)})
    ]
    assert delivery.record.value is None
    assert "8,388,609 bytes" in (delivery.record.unreadable or "")


def test_a_commit_carries_the_epoch_of_the_record_before_it():
    position = Position(1, None, None)
    batches([FakeMessage(0, 0, 3), FakeMessage(0, 1, 3), FakeMessage(0, 2, 5)], {0: position})
    assert [position.epoch_before(offset) for offset in (1, 2, 3, 9)] == [3, 3, 5, 5]


@pytest.mark.parametrize(
    ("done", "epoch", "bounds", "offset", "reason", "kept"),
    [
        (60, 3, LogBounds(0, 70, 4), 40, "cut", 3),
        (60, 3, LogBounds(0, 40, 4), 40, "cut", 3),
        (30, 3, LogBounds(0, 70, 4), 30, "cut", 3),
        (60, 3, LogBounds(80, 90, 4), 80, "20 records expired", 3),
        (60, 0, LogBounds(0, 10, 0), 0, "made again", None),
        (60, None, LogBounds(0, 10, 4), 0, "no leader epoch", None),
        (60, 3, LogBounds(0, 10, None), 0, "no leader epoch", None),
    ],
)
def test_a_stage_continues_at_its_first_unprocessed_record(done, epoch, bounds, offset, reason, kept):
    restart = restart_at(done, epoch, bounds, lambda _epoch: 40)
    assert (restart.offset, restart.epoch) == (offset, kept)
    assert reason in restart.reason


def test_the_committed_position_is_known_from_the_start_of_an_assignment():
    commits = Commits()
    assert (commits.position(P0, None), commits.position(P0, 3)) == (None, 3)
    commits.done(P0, 5)
    assert commits.position(P0, 3) == 5


def test_a_revoked_partition_is_not_committed_late():
    commits = Commits()
    commits.done(P0, 5)
    commits.done(P1, 7)
    taken = commits.pending()
    commits.done(P1, 8)
    commits.forget([P0])
    commits.committed(taken)
    assert commits.pending() == {P1: 8}
    commits.done(P0, 1)
    assert commits.pending() == {P0: 1, P1: 8}


def test_a_refused_commit_stays_pending():
    commits = Commits()
    commits.done(P0, 5)
    assert commits.pending() == commits.pending() == {P0: 5}


def test_each_group_protocol_gets_only_the_settings_it_allows():
    classic = consumer_config(Settings(session_timeout_s=6), "g")
    assert classic["partition.assignment.strategy"] == "cooperative-sticky"
    assert (classic["session.timeout.ms"], classic["heartbeat.interval.ms"]) == (6000, 1000)
    new = consumer_config(Settings(kafka_group_protocol="consumer"), "g")
    assert new["group.protocol"] == "consumer"
    assert not {"session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"} & set(new)
