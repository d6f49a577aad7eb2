"""The retry policy alone: how long it waits, and when it gives an event up."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.outcomes import Later, Never
from streams.runtime.retry import MOST_ASKED_S, Failures, RetryPolicy

BUSY = Later("busy", "the other side is busy")


def policy(jitter: float = 1.0) -> RetryPolicy:
    return RetryPolicy(base_s=0.5, cap_s=60, patience=3, jitter=lambda: jitter)


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 1e6))
def test_a_wait_is_between_the_requested_delay_and_that_plus_the_cap(attempts, jitter, retry_after):
    wait = policy(jitter).wait_s(attempts, retry_after)
    asked = min(retry_after or 0, MOST_ASKED_S)
    assert asked <= wait <= asked + 60


@given(st.lists(st.sampled_from(["busy", "down"])))
def test_failures_count_each_reason_by_itself_and_outages_never_give_an_event_up(reasons):
    failures = Failures()
    for reason in reasons:
        failures = failures.after(Later(reason, "no"), others_succeeded=False)
        assert policy().give_up(Later(reason, "no"), failures, attempts=1) is None
    assert failures == Failures({reason: reasons.count(reason) for reason in set(reasons)}, alone=0)


def test_a_limited_failure_becomes_final_at_its_own_count():
    missing = Later("photo-missing", "no photo", tries=2)
    failures = Failures().after(BUSY, others_succeeded=False).after(missing, others_succeeded=False)
    assert policy().give_up(missing, failures, attempts=2) is None
    failures = failures.after(missing, others_succeeded=False)
    assert policy().give_up(missing, failures, attempts=3) == Never("photo-missing", "no photo (tried 2 times)")
