"""
Puts recognized lines in reading order: lines next to each other in rows, rows below each other in blocks.

Geometry only; independent of the order of the input and of the text.
"""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.events import BBox, TextLine

#: Lines of one row overlap in height by this share of the lower one...
_SAME_ROW = 0.5
#: ...and their distance is at most this many line heights.
_COLUMN_GAP = 4.0
#: The distance of rows in one block is at most this many line heights...
_ROW_GAP = 0.9
#: ...and they share this part of the narrower one's width.
_SHARED_WIDTH = 0.3
#: Number of previous rows to compare with, which keeps the time linear on pages of any size.
_LOOK_BACK = 8


class Row(NamedTuple):
    """Lines next to each other, left to right, and the box around them."""

    lines: list[TextLine]
    bbox: BBox


Block = list[Row]


def blocks_of(lines: Sequence[TextLine]) -> list[Block]:
    """Arrange lines into blocks of rows, from top to bottom. Lines without an area stay alone."""
    blocks: list[Block] = []
    for row in _rows(lines):
        for block in blocks[: -_LOOK_BACK - 1 : -1]:
            if _below(block[-1].bbox, row.bbox):
                block.append(row)
                break
        else:
            blocks.append([row])
    return blocks


def _rows(lines: Sequence[TextLine]) -> list[Row]:
    bands: list[list[TextLine]] = []
    lowest = -1
    for line in sorted(lines, key=_place_from_top):
        _, top, _, bottom = line.placed
        # Most lines are below all previous ones, and need not be compared with them.
        for band in bands[: -_LOOK_BACK - 1 : -1] if top < lowest else ():
            _, upper, _, lower = band[0].placed
            if lower > top and min(bottom, lower) - max(top, upper) >= _SAME_ROW * min(bottom - top, lower - upper) > 0:
                band.append(line)
                break
        else:
            bands.append([line])
        lowest = max(lowest, bottom)
    rows: list[Row] = []
    for band in bands:
        if len(band) > 1:
            rows += _split(band)
        else:
            rows.append(Row(band, band[0].placed))
    rows.sort(key=_corner)
    return rows


def _place_from_top(line: TextLine) -> tuple[int, int, int, int, str, float]:
    """Return a sort key by place, and by content for lines at one place."""
    left, top, right, bottom = line.placed
    return top, bottom, left, right, line.text, line.score


def _corner(row: Row) -> tuple[int, int]:
    return row.bbox[1], row.bbox[0]


def _split(band: list[TextLine]) -> list[Row]:
    """Split a band of lines at one height where the gap to the next line is too wide."""
    band.sort(key=lambda line: (line.placed, line.text, line.score))
    pieces = [[band[0]]]
    for line in band[1:]:
        last = pieces[-1][-1].placed
        if line.placed[0] - last[2] <= _COLUMN_GAP * (last[3] - last[1]):
            pieces[-1].append(line)
        else:
            pieces.append([line])
    return [Row(piece, _around(piece)) for piece in pieces]


def _around(lines: list[TextLine]) -> BBox:
    lefts, tops, rights, bottoms = zip(*(line.placed for line in lines), strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _below(upper: BBox, lower: BBox) -> bool:
    left, top, right, bottom = upper
    left_2, top_2, right_2, bottom_2 = lower
    gap, height, height_2 = top_2 - bottom, bottom - top, bottom_2 - top_2
    if not (-height < gap <= _ROW_GAP * height and -height_2 < gap <= _ROW_GAP * height_2):
        return False
    return min(right, right_2) - max(left, left_2) >= _SHARED_WIDTH * min(right - left, right_2 - left_2)
