"""
The CPU engine: RapidOCR with the PP-OCR models of its own wheel, so it works offline and needs no download.

Settings are those that measured best (docs/ocr.md). Knows no HTTP.
"""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version

import cv2
import numpy as np

# ONNX Runtime sends usage events to its maker unless told not to before it is loaded (its Privacy.md, since 1.29).
os.putenv("ORT_DISABLE_TELEMETRY", "1")

from rapidocr import RapidOCR

from ocr_worker.engines.protocol import Lines
from ocr_worker.engines.rapid.quads import Quad, merge, reading_order, upright_box
from ocr_worker.engines.rapid.second_pass import Box, busy_blobs, quarters, roomy, unsure_regions
from ocr_worker.images.contrast import lift_contrast
from ocr_worker.images.decode import DecodedPhoto, Pixels
from ocr_worker.images.strips import pad_strip
from schemas.events import Engine as EngineInfo
from schemas.events import TextLine

_PARAMS = {
    "Global.log_level": "error",
    "Det.box_thresh": 0.3,
    # One thread per photo: more threads per photo spend up to half their time spinning.
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}
#: A closer look is at most this many px on its long side, and at most this much larger than the photo itself.
_LOOK_SIDE = 1152
_LOOK_ZOOM = 2.0
#: Looking again costs as much as looking: only for at least this much more detail than the first time.
_LEAST_GAIN = 1.25
#: Nothing this low holds text, and the detector does not take it.
_LEAST_SIDE = 8
#: The detector enlarges the shorter side to 736 px: a strip of 1,000 x 13 would become 56,000 px long and take minutes.
#: So strips are padded to at most this many times as long as wide.
_MOST_ASPECT = 3
#: Photos with at least this much more detail than their small picture are worth looking at by quarters.
_QUARTERS_DETAIL = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A photo and its small picture with contrast lifted where that was low."""

    photo: DecodedPhoto
    lifted: Pixels = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """What was read, and where it was looked a second time: px of the small picture."""

    quads: tuple[Quad, ...] = ()
    closer: tuple[Box, ...] = ()


class RapidEngine:
    """One shared RapidOCR instance (its sessions are thread-safe) and as many threads as slots."""

    def __init__(self, slots: int, *, lift: bool = True, look_closer: bool = True) -> None:
        """Read `slots` photos at the same time; lift low contrast first, and look closer where that may pay."""
        self._lift, self._look_closer = lift, look_closer
        # OpenCV's own threads would fight with ours for the same cores.
        cv2.setNumThreads(1)
        self._ocr = RapidOCR(params=_PARAMS)
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="rapid")
        release = version("rapidocr")
        self.info = EngineInfo(name="rapid", model="PP-OCRv6-small", revision=f"rapidocr-{release}")

    def prepare(self, photo: DecodedPhoto) -> Prepared:
        """Lift the contrast of the small picture."""
        return Prepared(photo, self._lifted(photo.small))

    async def recognize(self, prepared: Prepared) -> Read:
        """Read the small picture, then look closer where that pays."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, prepared)

    def finish(self, raw: Read, photo: DecodedPhoto) -> Lines:
        """Order the lines and map their boxes to the upright original."""
        height, width = photo.small.shape[:2]
        ratio = (photo.width / width, photo.height / height)
        size = (photo.width, photo.height)
        return Lines(
            tuple(
                TextLine(text=quad.text, bbox=upright_box(quad, ratio, size), score=round(min(quad.score, 1.0), 4))
                for quad in reading_order(raw.quads)
            )
        )

    async def aclose(self) -> None:
        """Let the threads finish and go."""
        await asyncio.to_thread(self._threads.shutdown)

    def _read(self, prepared: Prepared) -> Read:
        photo = prepared.photo
        height, width = photo.small.shape[:2]
        if min(height, width) < _LEAST_SIDE:
            return Read()
        quads = self._look(prepared.lifted)
        if not self._look_closer:
            return Read(tuple(quads))
        closer = _worth_a_look(photo, unsure_regions(quads, (width, height))) if quads else _where_text_may_hide(photo)
        if closer:
            large = photo.pixels()
            detail = max(large.shape[:2]) / max(height, width)
            for box in closer:
                quads = merge(quads, self._look_at(large, box, detail))
        return Read(tuple(quads), tuple(closer))

    def _look_at(self, large: Pixels, box: Box, detail: float) -> list[Quad]:
        x1, y1, x2, y2 = (int(edge * detail) for edge in box)
        crop = np.ascontiguousarray(large[y1 : y2 + 1, x1 : x2 + 1])
        if min(crop.shape[:2]) < _LEAST_SIDE:
            return []
        zoom = min(_LOOK_SIDE / max(crop.shape[:2]), _LOOK_ZOOM)
        how = cv2.INTER_CUBIC if zoom > 1 else cv2.INTER_AREA
        crop = np.asarray(cv2.resize(crop, None, fx=zoom, fy=zoom, interpolation=how), dtype=np.uint8)
        corner = np.array((x1, y1), dtype=np.float32)
        return [
            Quad((quad.points / np.float32(zoom) + corner) / np.float32(detail), quad.text, quad.score)
            for quad in self._look(self._lifted(crop))
        ]

    def _lifted(self, pixels: Pixels) -> Pixels:
        return lift_contrast(pixels)[0] if self._lift else pixels

    def _look(self, pixels: Pixels) -> list[Quad]:
        bgr = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), dtype=np.uint8)
        # Strips get their own mean colour, which has no edges.
        result = self._ocr(pad_strip(bgr, _MOST_ASPECT, cv2.mean(bgr)[:3]))
        if result.boxes is None or result.txts is None:
            return []
        return [
            Quad(np.asarray(points, dtype=np.float32), text, float(score))
            for points, text, score in zip(result.boxes, result.txts, result.scores, strict=True)
        ]


def _detail(photo: DecodedPhoto) -> float:
    """How many px of the photo at its long side lie in one of its small picture."""
    return float(min(photo.long_side, max(photo.width, photo.height)) / max(photo.small.shape[:2]))


def _where_text_may_hide(photo: DecodedPhoto) -> list[Box]:
    """Give the boxes to look at in a photo in which nothing was found at first."""
    blobs = busy_blobs(photo.small)
    if worth := _worth_a_look(photo, blobs):
        return worth
    height, width = photo.small.shape[:2]
    # One blob all over the picture: small print could be anywhere. No blob at all: nowhere.
    strip = max(height, width) > _MOST_ASPECT * min(height, width)
    if not blobs or strip or _detail(photo) < _QUARTERS_DETAIL:
        return []
    return _worth_a_look(photo, quarters((width, height)))


def _worth_a_look(photo: DecodedPhoto, boxes: list[Box]) -> list[Box]:
    """Give the boxes that a look shows in enough more detail, each as roomy as a look is anyway."""
    height, width = photo.small.shape[:2]
    detail = _detail(photo)
    least = _LOOK_SIDE / _LOOK_ZOOM / detail
    looks: list[Box] = []
    for box in boxes:
        x1, y1, x2, y2 = wide = roomy(box, (least, 0.75 * least), (width, height))
        gain = min(_LOOK_SIDE / (max(x2 - x1, y2 - y1, 1.0) * detail), _LOOK_ZOOM) * detail
        seen = any(a <= x1 and b <= y1 and x2 <= c and y2 <= d for a, b, c, d in looks)
        if gain >= _LEAST_GAIN and not seen:
            looks.append(wide)
    return looks
