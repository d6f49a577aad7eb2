"""Verdicts on partitions, by the readings of a window."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.lag.evaluate import GroupPartition, LagMemory, Owner, PartitionOffsets, RecordTime, judge, remember

PLACE = GroupPartition("hangtag.tag", "outfit.texts", 3)
SOMEONE = Owner("faust", "10.0.0.1", "faust-1")
STALLED_S = 20


def reading(at, committed, high, *, low=0, oldest=None, **more: object) -> PartitionOffsets:
    """Make a reading of a partition that someone reads; `oldest` is the time of the record at the commit."""
    stamp = None if oldest is None else RecordTime(max(committed or 0, low), oldest)
    return PartitionOffsets(at, committed, low, high, stamp, **({"owner": SOMEONE, "owner_known": True} | more))


def verdict(*window: PartitionOffsets):
    return judge(PLACE, window, STALLED_S)


def test_lag_counts_waiting_records_and_seconds_is_the_age_of_the_first():
    told = verdict(reading(1000, 7, 10, oldest=940.5))
    assert (told.lag, told.seconds, told.estimated, told.state) == (3, 59.5, False, "ok")


def test_before_the_first_commit_the_whole_log_is_lag():
    told = verdict(reading(1000, None, 30, low=20, oldest=940))
    assert (told.lag, told.seconds, told.expired, told.state) == (10, 60, 0, "no-commit")


@pytest.mark.parametrize("high", [0, 30])
def test_a_log_that_holds_nothing_needs_no_commit(high):
    told = verdict(reading(1000, None, high, low=high))
    assert (told.lag, told.seconds, told.state) == (0, 0, "idle")


def test_a_group_that_caught_up_is_idle_without_new_records():
    busy = reading(1000, 7, 10, oldest=999), reading(1005, 10, 10)
    assert verdict(*busy).state == "ok"
    assert verdict(reading(1005, 10, 10), reading(1010, 10, 10)).state == "idle"
    assert verdict(*busy).seconds == 0


def test_a_commit_that_stands_still_while_records_wait_is_stalled():
    window = [reading(1000 + at, 7, 10 + at, oldest=990) for at in range(0, 25, 5)]
    assert verdict(*window[:4]).state == "ok"
    told = verdict(*window)
    assert (told.state, told.still_s) == ("stalled", 20)


def test_a_record_that_comes_after_a_long_quiet_is_no_stall():
    quiet = [reading(1000 + at, 10, 10) for at in range(0, 100, 5)]
    assert verdict(*quiet, reading(1100, 10, 11, oldest=1099)).state == "ok"


def test_a_slow_stage_that_moves_is_not_stalled_however_far_behind():
    assert verdict(*(reading(1000 + at, 7 + at, 10_000 + 50 * at, oldest=0) for at in range(0, 60, 5))).state == "ok"


def test_a_stall_is_reported_even_when_no_member_is_left():
    window = [reading(1000 + at, 7, 10, owner=None) for at in (0, 20)]
    assert verdict(*window).state == "stalled"


def test_a_partition_without_a_reader_is_unassigned_and_unknown_readers_are_not():
    assert verdict(reading(1000, 10, 10, owner=None)).state == "unassigned"
    assert verdict(reading(1000, 10, 10, owner=None, owner_known=False)).state == "idle"


def test_expired_records_no_longer_count_as_lag_but_are_reported():
    told = verdict(reading(1000, 5, 30, low=20, oldest=800))
    assert (told.lag, told.expired) == (10, 15)


def test_an_expired_record_keeps_the_age_from_when_it_could_be_read():
    told = verdict(reading(1000, 5, 30, oldest=700), reading(1100, 5, 30, low=20, oldest=850))
    assert (told.seconds, told.estimated) == (400, True)


def test_an_unknown_age_lies_on_the_line_through_the_remaining_records():
    # Ten offsets in 100 s: fifteen offsets earlier is 150 s earlier.
    told = verdict(replace(reading(1000, 5, 31, low=20, oldest=800), newest=RecordTime(30, 900)))
    assert (told.seconds, told.estimated) == (1000 - 800 + 150, True)


def test_a_record_that_could_not_be_read_was_written_between_the_looks_that_saw_the_log_grow():
    looks = reading(1000, 10, 10), reading(1010, 10, 10), reading(1020, 12, 20)
    told = verdict(*looks)
    # Offset 12 is a fifth of the way from 10 (written at 1010 or later) to 20 (not yet written at 1020).
    assert (told.seconds, told.estimated) == (8, True)


def test_markers_of_transactions_are_no_work():
    told = verdict(reading(1000, 9, 10, nothing_ahead=True), reading(1030, 9, 10, nothing_ahead=True))
    assert (told.lag, told.seconds, told.state) == (0, 0, "idle")


def test_a_commit_beyond_the_end_means_a_recreated_topic():
    told = verdict(reading(1000, 500, 40, oldest=990))
    assert told.lag == 40
    window = remember([reading(990, 500, 500)], reading(1000, 500, 40), STALLED_S)
    assert len(window) == 1, "the old log says nothing about the new one"


def test_clocks_that_disagree_give_no_negative_age():
    assert verdict(reading(1000, 7, 10, oldest=1003)).seconds == 0


def test_vanished_partitions_are_dropped_and_new_ones_added():
    memory = LagMemory(STALLED_S)
    new = replace(PLACE, partition=4)
    memory.judge({PLACE: reading(1000, 7, 10)})
    assert [one.place for one in memory.judge({new: reading(1020, 7, 10)})] == [new]
    (back,) = memory.judge({PLACE: reading(1040, 7, 10)})
    assert back.state == "ok"


@st.composite
def histories(draw) -> list[PartitionOffsets]:
    """Looks at a log that only grows, by a group that only goes forward."""
    at, committed, high, low, looks = 1000.0, 0, 0, 0, []
    for _ in range(draw(st.integers(1, 12))):
        at += draw(st.floats(0.1, 15))
        high += draw(st.integers(0, 20))
        committed = draw(st.integers(committed, high))
        low = draw(st.integers(low, high))
        oldest = draw(st.none() | st.floats(0, at)) if committed < high else None
        looks.append(reading(at, committed, high, low=low, oldest=oldest))
    return looks


@given(histories())
def test_a_verdict_is_consistent_for_any_measurements(looks):
    window: tuple[PartitionOffsets, ...] = ()
    for look in looks:
        window = remember(window, look, STALLED_S)
        told = judge(PLACE, window, STALLED_S)
        assert 0 <= told.lag <= look.high - look.low
        assert told.seconds is None or told.seconds >= 0
        assert (told.lag == 0) <= (told.seconds == 0)
        assert (told.state == "stalled") <= (told.lag > 0 and told.still_s >= STALLED_S)


@given(histories())
def test_the_window_kept_judges_as_the_whole_past_would(looks):
    window: tuple[PartitionOffsets, ...] = ()
    for look in looks:
        window = remember(window, look, STALLED_S)
    kept, whole = judge(PLACE, window, STALLED_S), judge(PLACE, looks, STALLED_S)
    assert (kept.state == "stalled") == (whole.state == "stalled")


@pytest.mark.parametrize("gap", [1, 60])
def test_it_does_not_matter_how_often_one_looks(gap):
    looks = [reading(1000 + at, 7, 10, oldest=900) for at in range(0, 121, gap)]
    assert verdict(*looks).state == "stalled"
