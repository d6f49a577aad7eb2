"""No window of Klaviyo's, wherever it begins, ever contains more requests than allowed."""

from bisect import bisect_left

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klaviyo_sink.limits import PUBLISHED, SPEND, Spent, grant, standing, throttled, told, worth_telling

EVENTS = "POST /api/events"
JOBS = "POST /api/event-bulk-create-jobs"
START = 1_795_348_800.0


def most_in_any(granted, length_s):
    """Count the most requests in any window of a length, by where it ends."""
    times = [at for at, _ in granted]
    counts = [0]
    for _, slots in granted:
        counts.append(counts[-1] + slots)
    return max(
        (counts[i + 1] - counts[bisect_left(times, at - length_s + 1e-6)] for i, at in enumerate(times)), default=0
    )


@settings(max_examples=60, deadline=None)
@given(
    operation=st.sampled_from([EVENTS, JOBS, "POST /api/segments"]),
    asks=st.lists(st.tuples(st.integers(1, 400), st.floats(0, 3)), min_size=1, max_size=120),
)
def test_no_window_ever_holds_more_than_its_share(operation, asks):
    spent, now, granted = Spent(), START, []
    for wanted, pause in asks:
        now += pause
        spent, given_now = grant(spent, operation, wanted, now)
        assert 0 <= given_now.slots <= wanted
        assert (given_now.wait_s == 0) == (given_now.slots == wanted)
        if given_now.slots:
            granted.append((now, given_now.slots))
    burst, steady = PUBLISHED[operation]
    assert most_in_any(granted, 1) <= max(1, burst * SPEND)
    assert most_in_any(granted, 60) <= max(1, steady * SPEND)


@settings(max_examples=60, deadline=None)
@given(
    operation=st.sampled_from([EVENTS, JOBS, "POST /api/segments"]),
    asks=st.lists(st.tuples(st.integers(1, 400), st.floats(0, 3)), max_size=60),
)
def test_no_more_requests_are_granted_than_klaviyo_says_are_left(operation, asks):
    spent, now = Spent(), START
    for wanted, pause in asks:
        now += pause
        before = standing(spent, operation, now)
        spent, given_now = grant(spent, operation, wanted, now)
        after = standing(spent, operation, now)
        assert given_now.slots <= before.left <= before.steady == after.steady
        assert after.left == before.left - given_now.slots
    assert standing(throttled(spent, 30, now), operation, now).left == 0
    assert standing(spent, operation, now + 62).left == standing(Spent(), operation, now).left


@settings(max_examples=60, deadline=None)
@given(operation=st.sampled_from(sorted(PUBLISHED)), pauses=st.lists(st.floats(0, 2), max_size=30))
def test_a_caller_that_waits_as_long_as_required_gets_a_request(operation, pauses):
    spent, now = Spent(), START
    for pause in pauses:
        spent, _ = grant(spent, operation, 50, now)
        now += pause
    spent, given_now = grant(spent, operation, 10_000, now)
    assert given_now.wait_s > 0
    assert grant(spent, operation, 1, now + given_now.wait_s)[1].slots == 1


def test_a_minute_of_jobs_is_spent_to_ninety_two_percent():
    spent, now, slots = Spent(), START, 0
    while now < START + 60:
        spent, given_now = grant(spent, JOBS, 1, now)
        slots += given_now.slots
        now += 0.05
    assert slots == 138


def test_stored_and_read_back_it_is_the_same():
    spent, _ = grant(Spent(), EVENTS, 7, START)
    spent = told(throttled(spent, 3, START), limit=700, left=4, reset_s=9, now=START)
    assert Spent.read(spent.model_dump_json()) == spent


@pytest.mark.parametrize("stored", ["", "[", "[]", '{"ticks": 3}', '{"ticks": [["a", 1]]}'])
def test_a_damaged_budget_row_is_dropped_and_delays_no_request(stored):
    assert Spent.read(stored) == Spent()


def test_a_429_closes_halves_and_is_forgiven():
    spent = throttled(Spent(), 2, START)
    assert grant(spent, JOBS, 9, START + 1.9) == (spent, grant(spent, JOBS, 9, START + 1.9)[1])
    assert grant(spent, JOBS, 9, START + 1.9)[1].slots == 0
    assert grant(spent, JOBS, 9, START + 2.1)[1].slots == 4
    assert grant(throttled(spent, 2, START + 0.5), JOBS, 9, START + 3)[1].slots == 4
    assert grant(spent, JOBS, 9, START + 61)[1].slots == 9


def test_requests_of_others_in_the_account_count_until_the_window_ends():
    spent = told(Spent(), limit=150, left=14, reset_s=20, now=START)
    spent, given_now = grant(spent, JOBS, 9, START)
    assert given_now.slots == 2
    assert given_now.wait_s == pytest.approx(20)
    assert grant(spent, JOBS, 9, START + 21)[1].slots == 9


def test_a_limit_that_klaviyo_changed_replaces_the_old_one():
    assert worth_telling(JOBS, None, limit=1500, left=1400)
    assert not worth_telling(JOBS, 1500, limit=1500, left=1400)
    assert worth_telling(JOBS, 1500, limit=1500, left=100)
    spent = told(Spent(), limit=1500, left=1499, reset_s=60, now=START)
    assert grant(spent, JOBS, 500, START)[1].slots == 92


MONTH = 30 * 86_400


def spoilt(at: float) -> Spent:
    """What a process leaves behind whose clock is wrong."""
    spent, _ = grant(Spent(), EVENTS, 100, at)
    spent = told(spent, limit=3500, left=0, reset_s=60, now=at)
    return throttled(spent, 60, at)


@pytest.mark.parametrize("wrong", [MONTH, -MONTH, 3600, -3600])
def test_a_process_with_a_wrong_clock_does_not_close_the_budget(wrong):
    spent, given = grant(spoilt(START + wrong), EVENTS, 10, START)
    if given.slots < 10:
        # An hour at most, which is what Klaviyo itself might ask for.
        assert given.wait_s <= 3600
        spent, given = grant(spent, EVENTS, 10, START + 3601)
    assert given.slots == 10
    assert standing(spent, EVENTS, START + 3700).left > 0


@pytest.mark.parametrize("ahead_s", [3, 60, 3600, 86400])
def test_a_clock_that_ran_ahead_delays_requests_for_a_minute_at_most(ahead_s):
    spent, grant_now = grant(Spent(), EVENTS, 9999, START + ahead_s)
    spent = throttled(spent, 5, START + ahead_s)
    assert grant_now.slots == 322
    waited, granted = 0.0, 0
    while not granted:
        spent, grant_now = grant(spent, EVENTS, 1, START + 14 + waited)
        granted, waited = grant_now.slots, waited + 1
    assert waited <= 62
    assert standing(spent, EVENTS, START + 14 + waited).left > 0


def test_requests_recorded_by_a_clock_ahead_still_count():
    spent = Spent()
    for second in range(20):
        spent, _ = grant(spent, EVENTS, 9999, START + 3600 + second)
    _, grant_now = grant(spent, EVENTS, 9999, START + 20)
    assert grant_now.slots == 0, "the minute's allowance went a moment ago"
