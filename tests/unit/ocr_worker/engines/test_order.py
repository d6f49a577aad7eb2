"""Lines are put in the order in which a person reads them, whichever way their block is turned."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.engines.rapid.order import arrange
from ocr_worker.engines.rapid.quads import Quad

SIZE = (1000, 1000)


def line(text: str, x: float, y: float, w: float = 100, h: float = 20) -> Quad:
    return Quad(np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], dtype=np.float32), text, 0.9)


def turned(quads: list[Quad], degrees: float) -> list[Quad]:
    """Turn lines clockwise about the middle of the picture."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turn = np.array([(cos, sin), (-sin, cos)], dtype=np.float32)
    return [Quad(((quad.points - 500) @ turn + 500).astype(np.float32), quad.text, quad.score) for quad in quads]


PAGE = [line("b", 560, 402), line("a", 400, 405), line("c", 400, 440, 260), line("d", 400, 475, 60)]


def texts(placed) -> str:
    return "".join(one.quad.text for one in placed)


def test_lines_are_read_by_rows():
    assert texts(arrange([line("d", 150, 41), line("b", 150, 2), line("a", 0, 5), line("c", 0, 40)], SIZE)) == "abcd"


@given(st.floats(0, 359), st.permutations(PAGE))
def test_a_block_is_read_in_the_same_order_however_it_is_turned(degrees: float, page: list[Quad]):
    placed = arrange(turned(page, degrees), SIZE)

    assert texts(placed) == "abcd"
    boxes = [one.reading_box or one.bbox for one in placed]
    assert boxes[0][2] <= boxes[1][0] + 1, "b stands to the right of a"
    assert boxes[2][3] <= boxes[3][1] + 1, "d stands below c"


@pytest.mark.parametrize("direction", [0, 90, 180, 270])
def test_every_line_says_which_way_it_runs_and_keeps_its_upright_box(direction: int):
    page = turned(PAGE, direction + 7)

    placed = arrange(page, SIZE)

    assert {one.direction for one in placed} == {direction}
    for one in placed:
        x1, y1, x2, y2 = one.quad.bounds
        assert one.bbox == (int(x1), int(y1), -int(-x2 // 1), -int(-y2 // 1))


def test_upright_lines_need_no_second_box():
    assert [one.reading_box for one in arrange(PAGE, SIZE)] == [None] * 4


def test_columns_of_chinese_are_read_from_the_right():
    columns = [
        Quad(np.roll(line(text, x, 100, 30, 300).points, -1, axis=0), text, 0.9)
        for text, x in zip("cba", (100, 150, 200), strict=True)
    ]

    placed = arrange(columns, SIZE)

    assert texts(placed) == "abc"
    assert {one.direction for one in placed} == {90}


def test_blocks_that_run_different_ways_are_not_interwoven():
    label, strip = [line("a", 0, 400), line("b", 0, 430)], turned([line("x", 400, 400), line("y", 400, 430)], 180)

    placed = arrange([strip[0], label[1], strip[1], label[0]], SIZE)

    assert texts(placed) == "abxy"
    frames = [one.reading_box for one in placed]
    assert all(frames)
    assert max(box[3] for box in frames[:2]) < min(box[1] for box in frames[2:]), "no row holds lines of both"


def test_the_boxes_of_a_mirror_image_are_those_of_the_photo():
    (left, right) = arrange([line("a", 100, 0), line("b", 300, 0)], SIZE, mirrored=True)

    assert (left.quad.text, left.bbox) == ("a", (800, 0, 900, 20))
    assert (right.quad.text, right.bbox) == ("b", (600, 0, 700, 20))
    assert left.reading_box[2] < right.reading_box[0]
