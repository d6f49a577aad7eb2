"""A second reading is joined to a first, and never makes it worse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.engines.rapid.merging import merge
from ocr_worker.engines.rapid.quads import Quad


def line(text: str, x: float, y: float, w: float = 100, h: float = 20, *, score: float = 0.9) -> Quad:
    return Quad(np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], dtype=np.float32), text, score)


quads = st.builds(
    line, st.text("ab", min_size=1, max_size=8), st.floats(0, 500), st.floats(0, 500), score=st.floats(0.5, 1)
)


def texts(found) -> list[str]:
    return [quad.text for quad in found]


@given(st.lists(quads, max_size=6))
def test_merging_with_nothing_changes_nothing(found: list[Quad]):
    assert merge(found, []) == found


def test_a_better_reading_of_the_same_line_replaces_it():
    assert texts(merge([line("COTT0", 0, 0, score=0.6)], [line("COTTON", 2, 1, score=0.95)])) == ["COTTON"]


def test_a_worse_reading_of_the_same_line_is_dropped():
    assert texts(merge([line("COTTON", 0, 0)], [line("COT", 0, 0, 50)])) == ["COTTON"]


def test_a_new_line_elsewhere_is_added():
    assert texts(merge([line("COTTON", 0, 0)], [line("WOOL", 0, 100)])) == ["COTTON", "WOOL"]


def test_one_line_read_as_two_is_replaced_only_when_both_are_worth_more():
    halves = [line("65% POLY", 0, 0, 50), line("35% COTTON", 50, 0, 50)]

    assert texts(merge([line("65% P0 35%", 0, 0, score=0.6)], halves)) == ["65% POLY", "35% COTTON"]
    assert texts(merge(halves, [line("65% P0 35%", 0, 0, score=0.6)])) == ["65% POLY", "35% COTTON"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("40% COTTON", 0.93), ("0% Coltton", 0.99)),
        (("40% COTTON", 0.93), ("4O% COTTON SOFT", 0.7)),
        (("65% POLYESTER 35% COTTON", 0.9), ("65% POLYESTER 85% COTTONN", 0.97)),
        (("100% WOOL", 0.88), ("00% WOOL", 0.99)),
        (("SILK", 0.97), ("SILLK", 0.98)),
        (("RN 122354", 0.9), ("RN 12235", 0.99)),
    ],
)
def test_a_second_reading_that_loses_a_figure_or_is_less_sure_does_not_replace_the_first(first, second):
    old, new = (line(text, 0, 0, score=score) for text, score in (first, second))

    assert texts(merge([old], [new])) == [old.text]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("0% COTTON", 0.85), ("40% COTTON", 0.98)),
        (("COTLON", 0.8), ("COTTON", 0.99)),
        (("65% POLY", 0.93), ("65% POLYESTER 35% COTTON", 0.9)),
        (("8% COTT0N", 0.55), ("3% COTTON", 0.98)),
    ],
)
def test_a_second_reading_that_is_surer_or_finds_more_replaces_the_first(first, second):
    old, new = (line(text, 0, 0, score=score) for text, score in (first, second))

    assert texts(merge([old], [new])) == [new.text]


def test_of_readings_that_differ_in_spaces_only_the_one_with_more_of_them_is_kept():
    close, wide = line("100%ORGANIC", 0, 0, score=0.99), line("100% ORGANIC", 0, 0, score=0.95)

    assert texts(merge([close], [wide])) == texts(merge([wide], [close])) == ["100% ORGANIC"]


def test_a_space_inside_a_figure_is_no_better_reading():
    assert texts(merge([line("100% SILK", 0, 0)], [line("10 0% SILK", 0, 0)])) == ["100% SILK"]
