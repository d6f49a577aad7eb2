"""
Puts recognized lines in reading order: lines next to each other in rows, rows below each other in blocks.

Geometry only; independent of the order of the input and of the text.
"""

from collections.abc import Sequence

from schemas.events import BBox, TextLine

#: Lines of one row overlap in height by at least this share of the lower one.
_SAME_ROW = 0.5
#: The gap between two lines of one row is at most this many line heights wide.
_COLUMN_GAP = 4.0
#: The gap between two rows of one block is at most this many line heights high.
_ROW_GAP = 0.9
#: Two rows of one block overlap in width by at least this share of the narrower one.
_SHARED_WIDTH = 0.3
#: Number of previous rows to compare with, which keeps the time linear on pages of any size.
_LOOK_BACK = 8


#: The box around lines next to each other, and these lines, left to right. A plain tuple is made the fastest.
Row = tuple[BBox, list[TextLine]]
Block = list[Row]


def blocks_of(lines: Sequence[TextLine]) -> list[Block]:
    """Arrange lines into blocks of rows, from top to bottom. Lines without an area stay alone."""
    blocks: list[Block] = []
    for row in _rows(lines):
        for block in blocks[: -_LOOK_BACK - 1 : -1]:
            if _below(block[-1][0], row[0]):
                block.append(row)
                break
        else:
            blocks.append([row])
    return blocks


def _rows(lines: Sequence[TextLine]) -> list[Row]:
    # Sort by place, then by content for lines at one place. Plain tuples compare fastest.
    placed = sorted(
        [
            (top, bottom, left, right, line.text, line.score, number)
            for number, line in enumerate(lines)
            for left, top, right, bottom in (line.placed,)
        ]
    )
    #: Lines at one height, with the upper and lower edge of the first.
    bands: list[tuple[int, int, list[Row]]] = []
    lowest = -1
    for top, bottom, left, right, _, _, number in placed:
        row = ((left, top, right, bottom), [lines[number]])
        # Most lines are below all previous ones, and need not be compared with them.
        for upper, lower, band in bands[: -_LOOK_BACK - 1 : -1] if top < lowest else ():
            if lower > top and min(bottom, lower) - max(top, upper) >= _SAME_ROW * min(bottom - top, lower - upper) > 0:
                band.append(row)
                break
        else:
            bands.append((top, bottom, [row]))
        lowest = max(lowest, bottom)
    rows = [row for _, _, band in bands for row in (band if len(band) == 1 else _split(band))]
    rows.sort(key=_corner)
    return rows


def _corner(row: Row) -> tuple[int, int]:
    box = row[0]
    return box[1], box[0]


def _split(band: list[Row]) -> list[Row]:
    """Join lines at one height to rows. A gap that is too wide begins a new row."""
    band.sort(key=lambda row: (row[0], row[1][0].text, row[1][0].score))
    pieces = [[band[0]]]
    for row in band[1:]:
        _, top, right, bottom = pieces[-1][-1][0]
        if row[0][0] - right <= _COLUMN_GAP * (bottom - top):
            pieces[-1].append(row)
        else:
            pieces.append([row])
    return [(_around([box for box, _ in piece]), [line for _, lines in piece for line in lines]) for piece in pieces]


def _around(boxes: list[BBox]) -> BBox:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _below(upper: BBox, lower: BBox) -> bool:
    left, top, right, bottom = upper
    left_2, top_2, right_2, bottom_2 = lower
    # `min` and `max` are calls, which take a third of the time of this function. It runs for every line of a page.
    height = bottom - top if bottom - top < bottom_2 - top_2 else bottom_2 - top_2  # noqa: FURB136 - see above
    if not -height < top_2 - bottom <= _ROW_GAP * height:
        return False
    shared = (right if right < right_2 else right_2) - (left if left > left_2 else left_2)  # noqa: FURB136 - see above
    return shared >= _SHARED_WIDTH * (right - left) or shared >= _SHARED_WIDTH * (right_2 - left_2)
