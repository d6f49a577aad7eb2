"""A long page that is read tile by tile. Knows no engine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ocr_worker.engines.rapid.passes import Seen
from ocr_worker.engines.rapid.quads import Quad
from ocr_worker.engines.rapid.second_pass import Box
from ocr_worker.engines.rapid.tiles import SHORT_SIDE, Tiles, join, tiles_of
from ocr_worker.engines.rapid.view import View
from ocr_worker.images.decode import SMALL_SIDE, DecodedPhoto, Pixels, scale_down
from ocr_worker.result import Flaw


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """The page's pixels, its tiles, and the lines of the tiles read so far."""

    pixels: Pixels = field(repr=False)
    tiles: Tiles
    read: tuple[Seen, ...] = ()

    @classmethod
    def of(cls, photo: DecodedPhoto, most_tiles: int) -> "Page":
        """Decode a photo once, with its short side at most as long as a tile needs."""
        short, long = sorted((photo.width, photo.height))
        pixels = photo.pixels(min(long, round(long * SHORT_SIDE / short)))
        return cls(pixels, tiles_of(pixels.shape[1], pixels.shape[0], most_tiles))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in px."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def is_read(self) -> bool:
        """Whether all tiles have been read."""
        return len(self.read) == len(self.tiles.starts)

    def view(self) -> View:
        """Return the next tile as a view."""
        tile = self._cut(self.tiles.starts[len(self.read)])
        small = scale_down(tile, SMALL_SIDE)
        return View(small, lambda: tile, max(tile.shape[:2]) / max(small.shape[:2]))

    def with_tile(self, seen: Seen) -> "Page":
        """Return the page with the lines of the next tile added. They are converted from its small picture's px."""
        start = self.tiles.starts[len(self.read)]
        tile = self._cut(start)
        scale = max(tile.shape[:2]) / max(scale_down(tile, SMALL_SIDE).shape[:2])
        shift = (0.0, float(start)) if self.tiles.upright else (float(start), 0.0)
        quads = tuple(quad.moved(scale, shift) for quad in seen.quads)
        return replace(self, read=(*self.read, replace(seen, quads=quads)))

    def joined(
        self, read_again: Callable[[Pixels, Sequence[Quad]], list[Quad]]
    ) -> tuple[tuple[Quad, ...], frozenset[Flaw]]:
        """Return the lines of all tiles, and their flaws. Lines that cross a seam are read again."""
        lines, cut = join(self.tiles, [seen.quads for seen in self.read])
        flaws = frozenset[Flaw]().union(*(seen.flaws for seen in self.read))
        if self.tiles.too_long:
            flaws |= {"too_long"}
        return (*lines, *read_again(self.pixels, cut)), flaws

    def boxes(self, small: Sequence[int]) -> tuple[Box, ...]:
        """Return the tiles as boxes in the photo's small picture, which has the shape `small`."""
        height, width = small[:2]
        scale = max(height, width) / max(self.size)
        ends = [(start * scale, (start + self.tiles.length) * scale) for start in self.tiles.starts]
        if self.tiles.upright:
            return tuple((0.0, low, float(width), high) for low, high in ends)
        return tuple((low, 0.0, high, float(height)) for low, high in ends)

    def _cut(self, start: int) -> Pixels:
        stop = start + self.tiles.length
        return np.ascontiguousarray(self.pixels[start:stop] if self.tiles.upright else self.pixels[:, start:stop])
