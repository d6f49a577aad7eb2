"""Dead letters keep the message as it was, and say when too much dies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import DeadLetter
from streams.runtime.dead_letters import HaltLimit, earlier_attempts, letter_headers, original_headers, read_letter

LETTER = DeadLetter(
    topic="t", partition=3, offset=9, stage="tag", exception_class="x.Y", message="why 为什么", reason="no", attempts=2
)
names = st.text(st.characters(min_codepoint=32, max_codepoint=1000), max_size=10).filter(
    lambda name: not name.startswith(("__connect.errors.", "hangtag."))
)
headers = st.lists(st.tuples(names, st.none() | st.binary(max_size=8)), max_size=6)


@given(headers)
def test_headers_come_back_as_they_were(original):
    assert original_headers(letter_headers(original, LETTER)) == original


@given(headers)
def test_the_facts_can_be_read_back(original):
    assert read_letter(letter_headers(original, LETTER)) == LETTER


def test_a_second_death_replaces_the_facts_of_the_first():
    again = LETTER.model_copy(update={"attempts": 5})
    twice = letter_headers(letter_headers([("a", b"1")], LETTER), again)
    assert read_letter(twice) == again
    assert len(twice) == len(letter_headers([("a", b"1")], LETTER))


def test_a_mark_from_outside_does_not_come_through():
    assert ("hangtag.replayed", b"t:0:5") not in letter_headers([("hangtag.replayed", b"t:0:5")], LETTER)


def test_foreign_headers_are_no_dead_letter():
    assert read_letter([("a", b"1")]) is None
    assert read_letter([*letter_headers([], LETTER)[:-1], ("hangtag.attempts", b"many")]) is None
    assert earlier_attempts([("hangtag.attempts", b"\xff")]) == 0


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("plain 名", "plain 名"),
        # As a reader keeps bytes that are no UTF-8: `na\\xefve` of a producer that writes Latin-1.
        (b"na\xefve".decode("utf-8", "surrogateescape"), "na\\xefve"),
        ("half \ud83d", "half \\ud83d"),
        ("ends\0here", "ends\\x00here"),
        ("zero\u200dwidth", "zero\u200dwidth"),
    ],
)
def test_a_name_that_no_client_can_write_is_kept_escaped(name, kept):
    assert original_headers(letter_headers([(name, b"1")], LETTER)) == [(kept, b"1")]


def test_a_count_of_thousands_of_digits_is_no_count_of_ours():
    assert earlier_attempts([("hangtag.attempts", b"9" * 5000)]) == 0
    assert earlier_attempts([("hangtag.attempts", b"12")]) == 12


def test_a_row_of_deaths_halts_and_one_success_forgives_it():
    limit = HaltLimit(in_a_row=3, share=1.0, window=1000)
    assert [limit.passes(dead=dead) for dead in (True, True, False, True, True, True)] == [True] * 5 + [False]


def test_too_large_a_share_halts_once_enough_was_seen():
    limit = HaltLimit(in_a_row=1000, share=0.5, window=10)
    assert all(limit.passes(dead=bool(at % 2)) for at in range(9))
    assert not limit.passes(dead=True)


@given(st.lists(st.booleans(), max_size=200))
def test_the_share_is_that_of_the_last_events_only(deaths):
    limit = HaltLimit(in_a_row=10_000, share=0.5, window=8)
    for at, dead in enumerate(deaths, 1):
        last = deaths[max(0, at - 8) : at]
        assert limit.passes(dead=dead) == (len(last) < 8 or sum(last) < 4)
