"""Tilted lines: overlap, merging of two passes, reading order, upright boxes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.engines.rapid.quads import Quad, merge, overlap, upright_box


def line(text: str, x: float, y: float, w: float = 100, h: float = 20, *, score: float = 0.9, tilt: float = 0) -> Quad:
    points = np.array([(0, 0), (w, 0), (w, h), (0, h)], dtype=np.float32)
    turn = np.array([(np.cos(tilt), np.sin(tilt)), (-np.sin(tilt), np.cos(tilt))], dtype=np.float32)
    return Quad((points @ turn + np.float32((x, y))).astype(np.float32), text, score)


quads = st.builds(
    line,
    st.text("ab", min_size=1, max_size=8),
    st.floats(0, 500),
    st.floats(0, 500),
    st.floats(5, 200),
    st.floats(5, 40),
    score=st.floats(0.5, 1),
    tilt=st.floats(-1, 1),
)


def texts(found) -> list[str]:
    return [quad.text for quad in found]


@given(quads, quads)
def test_overlap_is_a_share_and_does_not_depend_on_order(a: Quad, b: Quad):
    assert 0 <= overlap(a, b) <= 1.001
    assert overlap(a, b) == pytest.approx(overlap(b, a), abs=1e-3)


@given(quads)
def test_a_quad_lies_wholly_in_itself(quad: Quad):
    assert overlap(quad, quad) == pytest.approx(1, abs=1e-3)


def test_tilted_neighbours_do_not_overlap_though_their_upright_boxes_do():
    upper, lower = line("upper", 0, 0, 300, 20, tilt=0.5), line("lower", 0, 30, 300, 20, tilt=0.5)

    assert upper.bounds[3] > lower.bounds[1]
    assert overlap(upper, lower) == 0


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


@given(quads, st.floats(0.3, 6))
def test_an_upright_box_lies_in_the_picture_and_is_never_empty(quad: Quad, scale: float):
    x1, y1, x2, y2 = upright_box(quad.moved(scale), (400, 300))

    assert 0 <= x1 < x2 <= 400
    assert 0 <= y1 < y2 <= 300


def test_an_upright_box_reaches_outwards_to_whole_pixels():
    assert upright_box(line("x", 10.4, 20.4, 30.2, 10.2).moved((2, 3)), (1000, 1000)) == (20, 61, 82, 92)
