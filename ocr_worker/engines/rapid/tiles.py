"""
Cuts long pages into overlapping tiles, and joins lines that were cut at a seam. Pure geometry.

A page 20 times as high as wide, scaled down to one look, has letters of two pixels.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ocr_worker.engines.rapid.merging import merge
from ocr_worker.engines.rapid.quads import Quad

#: Pictures this many times as high as wide, and this many px long, are read in tiles; others in one look.
_TALL, _LEAST_LENGTH = 2.6, 1400
#: The ratio for wide pictures. It is higher, because they have fewer and larger lines, which seams would cut.
_WIDE = 4.5
#: A tile is this many times as long as wide, and at least this many px long.
_TILE_SHAPE, _LEAST_TILE = 1.5, 1024
#: Tiles overlap by this share of their width, which is more than the height of a line.
_OVERLAP = 1 / 12
#: The page is scaled so that its short side is at most this many px.
SHORT_SIDE = 1152
#: A line that ends this close to a seam, in px, was cut.
_CUT = 4.0


class Tiles(NamedTuple):
    """Tiles along the long side of a page: each begins at one of `starts` and is `length` px long."""

    upright: bool
    length: int
    starts: tuple[int, ...]
    #: The page continues after the last tile.
    too_long: bool


def is_long(width: int, height: int) -> bool:
    """Return whether a photo is to be read in tiles."""
    return max(width, height) >= _LEAST_LENGTH and (height >= _TALL * width or width >= _WIDE * height)


def tiles_of(width: int, height: int, most: int) -> Tiles:
    """Cut a page of `width` x `height` px into equal tiles, at most `most`."""
    short, long = min(width, height), max(width, height)
    length = min(long, max(_LEAST_TILE, round(short * _TILE_SHAPE)))
    overlap = max(48, round(short * _OVERLAP))
    count = max(1, -(-(long - overlap) // (length - overlap)))
    if count > most:
        return Tiles(height >= width, length, tuple(at * (length - overlap) for at in range(most)), too_long=True)
    length = -(-(long + (count - 1) * overlap) // count)
    starts = tuple(min(at * (length - overlap), long - length) for at in range(count))
    return Tiles(height >= width, length, starts, too_long=False)


def along(quad: Quad, upright: bool) -> tuple[float, float, float, float]:
    """Return a line's start and end along the page, then across it."""
    x1, y1, x2, y2 = quad.bounds
    return (y1, y2, x1, x2) if upright else (x1, x2, y1, y2)


def join(tiles: Tiles, found: Sequence[Sequence[Quad]]) -> tuple[list[Quad], list[Quad]]:
    """
    Join the lines of all tiles, in px of the page.

    Returns the complete lines, and those that cross a seam. Each of the latter spans the whole line and has only the
    text of its first piece, so it must be read again.
    """
    lines: list[Quad] = []
    cut: list[Quad] = []
    last = len(tiles.starts) - 1
    for at, (start, quads) in enumerate(zip(tiles.starts, found, strict=True)):
        whole: list[Quad] = []
        for quad in quads:
            low, high, _, _ = along(quad, tiles.upright)
            before, behind = at > 0 and low < start + _CUT, at < last and high > start + tiles.length - _CUT
            if not before and not behind:
                whole.append(quad)
            elif _runs_along(quad, tiles.upright):
                cut.append(quad)
        lines = merge(lines, whole)
    return lines, _chained(cut, tiles.upright)


def _runs_along(quad: Quad, upright: bool) -> bool:
    """Return whether a line runs along the page. A line across it is complete in one of two overlapping tiles."""
    x, y = np.abs(quad.points[1] - quad.points[0])
    return bool(y > x) if upright else bool(x > y)


def _chained(cut: Sequence[Quad], upright: bool) -> list[Quad]:
    """Join the pieces of one line: they have one direction and one axis, and overlap."""
    chains: list[Quad] = []
    for piece in sorted(cut, key=lambda quad: along(quad, upright)[0]):
        for number, chain in enumerate(chains):
            if _continues(chain, piece, upright):
                chains[number] = _united(chain, piece)
                break
        else:
            chains.append(piece)
    return chains


def _continues(chain: Quad, piece: Quad, upright: bool) -> bool:
    """Return whether a piece begins before a chain ends, in the same direction and on the same axis."""
    way = chain.points[1] - chain.points[0]
    way = way / max(float(np.linalg.norm(way)), 1.0)
    apart = piece.points.mean(axis=0) - chain.points.mean(axis=0)
    off_axis = abs(float(way[0] * apart[1] - way[1] * apart[0]))
    same_way = float(np.dot(way, piece.points[1] - piece.points[0])) > 0
    return along(piece, upright)[0] < along(chain, upright)[1] and same_way and off_axis < 0.5 * chain.height


def _united(chain: Quad, piece: Quad) -> Quad:
    """Return the line from the start of the first to the end of the last of both."""
    way = chain.points[1] - chain.points[0]
    first, last = (chain, piece) if float(np.dot(piece.points[0] - chain.points[0], way)) >= 0 else (piece, chain)
    corners = np.array([first.points[0], last.points[1], last.points[2], first.points[3]], dtype=np.float32)
    return Quad(corners, chain.text, chain.score)
