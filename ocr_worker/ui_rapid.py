"""RapidOCR that tells its steps, for the page: the picture it was given, and where it looked a second time."""

import copy
from typing import Self

from ocr_worker.images import Photo
from ocr_worker.quads import Quad
from ocr_worker.rapid import Prepared, RapidEngine
from ocr_worker.second_pass import Box
from ocr_worker.ui_look import Steps


class TellingRapidEngine(RapidEngine):
    """The very engine the worker runs: its steps are noted, not repeated."""

    _steps: Steps | None = None

    def telling(self, steps: Steps) -> Self:
        """Give this engine for one photo: models and threads are shared, the notes are not."""
        one = copy.copy(self)
        one._steps = steps  # noqa: SLF001 - its own copy
        return one

    def prepare(self, photo: Photo) -> Prepared:
        """Note the lifted picture."""
        prepared = super().prepare(photo)
        if self._steps is not None:
            self._steps.given = prepared.lifted
        return prepared

    def _closer(self, photo: Photo, quads: list[Quad], boxes: list[Box]) -> list[Quad]:
        if self._steps is not None:
            self._steps.closer.extend(boxes)
        return super()._closer(photo, quads, boxes)
