"""A full worker says so, and when to come back."""

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.server.admission import Admission
from schemas.outcomes import Later


def test_places_are_the_slots_and_the_queue():
    admission = Admission(slots=2, queue=1)

    with ExitStack() as held:
        assert [held.enter_context(admission.place()) for _ in range(3)] == [None] * 3
        assert isinstance(held.enter_context(admission.place()), Later)
        assert admission.in_flight == 3
    assert admission.in_flight == 0


def test_a_place_is_free_again_even_after_an_error():
    admission = Admission(slots=1, queue=0)

    with pytest.raises(LookupError), admission.place():
        raise LookupError

    assert admission.in_flight == 0


def test_retry_after_is_the_time_the_queue_needs():
    admission = Admission(slots=2, queue=20)
    for _ in range(100):
        admission.took(3.0)

    with ExitStack() as held:
        for _ in range(22):
            held.enter_context(admission.place())
        refusal = held.enter_context(admission.place())

    assert refusal is not None
    assert refusal.retry_after == 30


@given(st.lists(st.floats(0, 1000), max_size=20), st.integers(1, 8), st.integers(0, 100))
def test_retry_after_is_at_least_a_second(took: list[float], slots: int, queue: int):
    admission = Admission(slots, queue)
    for seconds in took:
        admission.took(seconds)

    assert admission.retry_after() >= 1
