"""
Reads one view in a few passes: a first look, the mirror image if that reads better, and closer looks where they pay.

Knows no file and no page.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ocr_worker.engines.rapid.merging import merge
from ocr_worker.engines.rapid.mirror import is_mirrored
from ocr_worker.engines.rapid.models import Models, cut_out, is_line
from ocr_worker.engines.rapid.quads import Quad
from ocr_worker.engines.rapid.scripts import without_foreign
from ocr_worker.engines.rapid.second_pass import Box, unsure_regions
from ocr_worker.engines.rapid.view import View, closer
from ocr_worker.images.contrast import lift_contrast
from ocr_worker.images.decode import Pixels
from ocr_worker.result import Flaw

#: Pictures with a shorter side than this, in px, contain no text, and the detector rejects them.
_LEAST_SIDE = 8


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """
    The lines of a view and the regions looked at closely.

    Both are in px of its small picture, or of the mirror image of that, if the view was flipped.
    """

    quads: tuple[Quad, ...] = ()
    closer: tuple[Box, ...] = ()
    flaws: frozenset[Flaw] = frozenset()


class Passes:
    """Reads views with the models. Safe to use from several threads."""

    def __init__(self, models: Models, *, lift: bool, look_closer: bool) -> None:
        self._models, self._lift, self._look_closer = models, lift, look_closer

    def read(self, view: View, lifted: Pixels, *, whole: bool = True) -> Seen:
        """Read a view; `lifted` is its small picture with contrast raised. Only a `whole` photo can be mirrored."""
        if min(view.size) < _LEAST_SIDE:
            return Seen()
        found = self._models.look(lifted)
        flaws: frozenset[Flaw] = frozenset()
        if whole and is_mirrored(_bgr(lifted), [quad for quad in found if is_line(quad)], self._models.recognize):
            view, flaws = view.mirrored(), frozenset({"mirrored"})
            found = self._models.look(np.ascontiguousarray(lifted[:, ::-1]))
        quads, mute = _parted(found)
        boxes: list[Box] = []
        if self._look_closer:
            boxes = view.worth_a_look(unsure_regions(quads, view.size)) if quads else view.where_text_may_hide()
        if boxes:
            large = view.large()
            for box in boxes:
                closely, still_mute = _parted(self._look_at(large, box, max(large.shape[:2]) / max(view.size)))
                quads = merge(quads, closely)
                mute += still_mute
        quads, foreign = without_foreign(quads, mute)
        return Seen(tuple(quads), tuple(boxes), flaws | {"script_unsupported"} if foreign else flaws)

    def read_again(self, pixels: Pixels, lines: Sequence[Quad]) -> list[Quad]:
        """Read lines again at their places in an RGB picture."""
        bgr = _bgr(pixels)
        said = self._models.recognize([cut_out(bgr, line.points) for line in lines])
        read = [Quad(line.points, *one) for line, one in zip(lines, said, strict=True)]
        return [line for line in read if is_line(line)]

    def _look_at(self, large: Pixels, box: Box, detail: float) -> list[Quad]:
        crop, zoom, corner = closer(large, box, detail)
        if min(crop.shape[:2]) < _LEAST_SIDE:
            return []
        quads = self._models.look(lift_contrast(crop)[0] if self._lift else crop)
        return [quad.moved(1 / zoom, corner).moved(1 / detail) for quad in quads]


def _parted(found: Sequence[Quad]) -> tuple[list[Quad], list[Quad]]:
    """Split lines into those with text and those in which the models read no text."""
    return [quad for quad in found if is_line(quad)], [quad for quad in found if not is_line(quad)]


def _bgr(rgb: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), dtype=np.uint8)
