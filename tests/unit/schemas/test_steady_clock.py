"""A clock that follows small corrections, and that no jump of the machine's clock moves."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from machine_clock import Machine

from schemas.steady_clock import CORRECTION, SteadyClock

DAYS = st.sampled_from([-30, 30, -1, 1, 3650])
STEPS = st.lists(st.tuples(st.floats(0, 100_000), st.none() | DAYS), max_size=20)


@given(STEPS)
def test_whenever_the_machine_is_set_by_days_the_time_stays_right(steps):
    machine = Machine()
    clock = SteadyClock(machine.wall, lambda: machine.booted, believed_after_s=None)
    for seconds, jump in steps:
        machine.wait(seconds)
        if jump is not None:
            machine.offset = timedelta(days=jump)
        assert abs(clock() - machine.true) < timedelta(milliseconds=1)


@given(DAYS, st.integers(1, 59))
def test_a_jump_that_is_reversed_within_the_hour_changes_nothing(days, minutes):
    machine = Machine()
    clock = SteadyClock(machine.wall, lambda: machine.booted)
    machine.offset = timedelta(days=days)
    for _ in range(minutes):
        assert clock() == machine.true
        machine.wait(60)
    machine.offset = timedelta()
    for _ in range(120):
        assert clock() == machine.true
        machine.wait(60)


@given(DAYS)
def test_a_clock_that_stays_where_it_jumped_to_counts_after_an_hour(days):
    machine = Machine()
    clock = SteadyClock(machine.wall, lambda: machine.booted)
    # As after a pause: its time was wrong before.
    machine.offset = timedelta(days=days)
    for _ in range(60):
        assert clock() == machine.true
        machine.wait(60)
    assert clock() == machine.wall()


def test_a_correction_is_followed_and_so_are_many():
    machine = Machine()
    clock = SteadyClock(machine.wall, lambda: machine.booted)
    for _ in range(10):
        machine.wait(60)
        machine.offset += CORRECTION
        assert clock() == machine.wall()
