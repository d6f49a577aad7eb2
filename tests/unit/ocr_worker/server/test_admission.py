"""A full worker answers 503 with Retry-After."""

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


def test_a_photo_that_must_be_alone_gets_an_empty_worker_and_keeps_others_out():
    now = [0.0]
    admission = Admission(slots=2, queue=1, clock=lambda: now[0])

    with admission.place():
        with admission.place(alone=True) as refused:
            assert isinstance(refused, Later)
        with admission.place() as kept_out:
            assert isinstance(kept_out, Later), "the worker empties for the one"
    with admission.place(alone=True) as alone:
        assert alone is None
        with admission.place() as other, admission.place(alone=True) as second:
            assert isinstance(other, Later)
            assert isinstance(second, Later)
    now[0] = 5.1
    with admission.place() as again:
        assert again is None


def test_a_worker_does_not_empty_for_ever_for_a_photo_that_never_comes_back():
    now = [0.0]
    admission = Admission(slots=1, queue=1, clock=lambda: now[0])
    with admission.place():
        with admission.place(alone=True):
            pass
        now[0] = 5.1
        with admission.place() as other:
            assert other is None


def test_no_photo_is_alone_while_a_thread_works_for_a_caller_who_left():
    with Admission(1, 1, idle=lambda: False).place(alone=True) as refused:
        assert isinstance(refused, Later)


def test_a_queue_of_the_largest_photos_is_bounded_by_their_bytes():
    admission = Admission(slots=2, queue=64)
    with ExitStack() as held:
        places = [held.enter_context(admission.place(20_000_000)) for _ in range(66)]
        assert places.count(None) == 12
        assert held.enter_context(admission.place(3_000_000)) is None
    with admission.place(10**12) as alone:
        assert alone is None, "a photo larger than the bound is refused for its size, not for ever busy"
