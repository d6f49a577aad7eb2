"""Rows and blocks from boxes alone."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from rules.text.layout import blocks_of
from schemas.events import TextLine


def texts(lines: list[TextLine]) -> list[list[list[str]]]:
    return [[[line.text for line in row] for _, row in block] for block in blocks_of(lines)]


def test_lines_side_by_side_are_a_row_from_left_to_right(place: Callable[..., TextLine]):
    assert texts([place("right", 150, 3, 80), place("left", 0, 0, 80)]) == [[["left", "right"]]]


def test_lines_below_one_another_are_a_block(place: Callable[..., TextLine]):
    assert texts([place("second", top=24), place("first")]) == [[["first"], ["second"]]]


def test_columns_far_apart_are_blocks_of_their_own(place: Callable[..., TextLine]):
    lines = [place("a1", 0, 0, 80), place("b1", 600, 0, 80), place("a2", 0, 24, 80), place("b2", 600, 24, 80)]

    assert texts(lines) == [[["a1"], ["a2"]], [["b1"], ["b2"]]]


def test_a_wide_gap_begins_another_block(place: Callable[..., TextLine]):
    assert texts([place("first"), place("far below", top=200)]) == [[["first"]], [["far below"]]]


def test_lines_without_an_area_form_their_own_blocks():
    lines = [TextLine(text=text, bbox=(0, 0, 0, 0), score=1) for text in ("b", "a")]

    assert texts(lines) == [[["a"]], [["b"]]]


boxes = st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 40), st.integers(0, 20)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)
some_lines = st.lists(st.builds(TextLine, text=st.sampled_from("abc"), bbox=boxes, score=st.just(0.9)), max_size=12)


@given(some_lines, st.randoms())
def test_the_order_of_the_lines_does_not_matter(lines: list[TextLine], random):
    shuffled = random.sample(lines, len(lines))

    assert texts(shuffled) == texts(lines)


@given(some_lines)
def test_no_line_is_lost_or_doubled(lines: list[TextLine]):
    arranged = [line for block in blocks_of(lines) for _, row in block for line in row]

    assert sorted(map(str, arranged)) == sorted(map(str, lines))
