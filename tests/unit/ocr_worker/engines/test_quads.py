"""Tilted lines: overlap, merging of two passes, reading order, upright boxes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.engines.rapid.quads import Quad, overlap, upright_box


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


@given(quads, quads)
def test_overlap_is_a_share_and_does_not_depend_on_order(a: Quad, b: Quad):
    assert 0 <= overlap(a, b) <= 1.001
    assert overlap(a, b) == pytest.approx(overlap(b, a), abs=1e-3)


@given(quads)
def test_a_quad_is_completely_inside_itself(quad: Quad):
    assert overlap(quad, quad) == pytest.approx(1, abs=1e-3)


def test_tilted_neighbours_do_not_overlap_though_their_upright_boxes_do():
    upper, lower = line("upper", 0, 0, 300, 20, tilt=0.5), line("lower", 0, 30, 300, 20, tilt=0.5)

    assert upper.bounds[3] > lower.bounds[1]
    assert overlap(upper, lower) == 0


@given(quads, st.floats(0.3, 6))
def test_an_upright_box_is_inside_the_picture_and_never_empty(quad: Quad, scale: float):
    x1, y1, x2, y2 = upright_box(quad.moved(scale), (400, 300))

    assert 0 <= x1 < x2 <= 400
    assert 0 <= y1 < y2 <= 300


def test_an_upright_box_reaches_outwards_to_whole_pixels():
    assert upright_box(line("x", 10.4, 20.4, 30.2, 10.2).moved((2, 3)), (1000, 1000)) == (20, 61, 82, 92)
