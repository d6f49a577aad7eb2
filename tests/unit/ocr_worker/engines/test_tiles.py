"""Long pages are read in overlapping tiles, and lines at a seam come together again."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.engines.rapid.quads import Quad
from ocr_worker.engines.rapid.tiles import Tiles, is_long, join, tiles_of

sides = st.integers(1, 1200), st.integers(1401, 40_000)


def line(text: str, x: float, y: float, w: float = 300, h: float = 30, score: float = 0.99) -> Quad:
    return Quad(np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], dtype=np.float32), text, score)


@given(*sides, st.booleans())
def test_tiles_cover_the_page_and_overlap(short: int, long: int, upright: bool):
    width, height = (short, long) if upright else (long, short)

    tiles = tiles_of(width, height, most=10_000)

    assert tiles.starts[0] == 0
    assert tiles.starts[-1] + tiles.length >= long
    assert tiles.starts[-1] < long
    assert not tiles.too_long
    for one, following in zip(tiles.starts, tiles.starts[1:], strict=False):
        assert one < following <= one + tiles.length - 40


@given(*sides)
def test_no_more_tiles_are_read_than_allowed_and_the_verdict_says_too_long(short: int, long: int):
    tiles = tiles_of(short, long, most=3)

    assert len(tiles.starts) <= 3
    assert tiles.too_long == (tiles.starts[-1] + tiles.length < long)


def test_ordinary_photos_are_not_long():
    assert not is_long(4000, 3000)
    assert not is_long(1080, 2400)
    assert not is_long(300, 1000)
    assert not is_long(3000, 750)
    assert is_long(1080, 6000)
    assert is_long(20000, 1080)


def test_a_line_that_one_tile_cuts_comes_whole_from_the_next():
    tiles = Tiles(upright=True, length=1000, starts=(0, 900), too_long=False)

    lines, again = join(tiles, [[line("COTTON", 10, 100), line("W00L", 10, 980, h=20)], [line("WOOL", 10, 980)]])

    assert [one.text for one in lines] == ["COTTON", "WOOL"]
    assert again == []


def test_a_line_that_runs_over_several_seams_is_to_be_read_again_as_one():
    tiles = Tiles(upright=False, length=1000, starts=(0, 900, 1800), too_long=False)
    pieces = [[line("100% ORG", 500, 10, 500)], [line("ORGANIC COT", 900, 11, 1000)], [line("TTON", 1800, 10, 200)]]

    lines, (again,) = join(tiles, pieces)

    assert lines == []
    assert again.bounds == (500, 10, 2000, 40)
    assert again.angle == 0


def test_a_tilted_line_over_a_seam_keeps_its_tilt_and_its_neighbours_stay_apart():
    tiles = Tiles(upright=False, length=1000, starts=(0, 900), too_long=False)

    def tilted(text: str, left: float, right: float, y: float) -> Quad:
        upper, lower = (
            [(left, y + left / 10), (right, y + right / 10)],
            [(right, y + right / 10 + 30), (left, y + left / 10 + 30)],
        )
        return Quad(np.array(upper + lower, dtype=np.float32), text, 0.9)

    pieces = [
        [tilted(text, left, right, y) for text, y in (("a", 0), ("b", 40))]
        for left, right in ((100, 1000), (900, 1500))
    ]

    _, again = join(tiles, pieces)

    assert [one.points.tolist() for one in again] == [tilted("", 100, 1500, y).points.tolist() for y in (0, 40)]
