"""
Runs PP-OCR's three models on one picture: they find lines, their direction, and their text.

Calls RapidOCR's models one by one, because its single call drops the direction of each line. Knows no photo and no
second look.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

# ONNX Runtime sends usage events to its vendor unless they are disabled before it is loaded (its Privacy.md, since
# 1.29).
os.putenv("ORT_DISABLE_TELEMETRY", "1")

from rapidocr import RapidOCR
from rapidocr.ch_ppocr_rec import TextRecInput

from ocr_worker.engines.rapid.detector import LineFinder
from ocr_worker.engines.rapid.further import FurtherRecognizers, models_in, params_of
from ocr_worker.engines.rapid.quads import Corners, Quad
from ocr_worker.engines.rapid.scripts import STRONG, UNSURE, is_strange, looks_foreign, unread_ink
from ocr_worker.engines.rapid.tesseract import Tesseract
from ocr_worker.images.decode import Pixels
from ocr_worker.images.memory import BUDGET
from ocr_worker.images.strips import pad_strip

PARAMS = {
    "Global.log_level": "error",
    # Off, because `look` pads strips itself.
    "Global.use_vertical_padding": False,
    # RapidOCR then also returns the position of each letter.
    "Global.return_word_box": True,
    "Det.box_thresh": 0.3,
    # Read each line at its own width. A batch is padded to its longest line and costs a third more per px.
    "Rec.rec_batch_num": 1,
    "Rec.rec_img_shape": [3, 48, 64],
    # One thread per photo: with more, threads spend up to half their time spinning.
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    # Keep memory from one photo to the next. Otherwise the kernel spends up to a fifth of a look on new pages.
    "EngineConfig.onnxruntime.enable_cpu_mem_arena": True,
}
#: Lines with a lower score are dropped (RapidOCR's own default).
LEAST_SCORE = 0.5
#: A line this many times as tall as wide runs down or up (RapidOCR's own limit).
_TALL = 1.5
#: A line may be upside down although the classifier does not say so. It is read both ways if the classifier's score is
#: below this, and also if most lines of the photo run the other way.
_TURNED, _CERTAIN = 0.9, 0.98
#: A line that is read with this score is not upside down.
_SURE = 0.97
#: Turned by 180 degrees, the line must reach a score this much higher.
_BETTER = 0.03
#: A line is full if its letters, each half a line height wide or a whole one, cover this share of it.
_FILLED = 0.8
#: `auto` is the small detector at half scale first; `small` and `tiny` look once, at full scale.
Detector = Literal["auto", "small", "tiny"]
#: `tiny` reads a line at a quarter of the cost, a whole label at two thirds. But it runs words together.
Recognizer = Literal["small", "tiny"]
#: The tiny models are included here, because RapidOCR's wheel lacks them. The detector costs less than half of the
#: small one's, but cuts some lines.
_TINY_DETECTOR, _TINY_RECOGNIZER = (
    Path(__file__).parent / "tiny" / name for name in ("PP-OCRv6_det_tiny.onnx", "PP-OCRv6_rec_tiny.onnx")
)
#: The detector enlarges the shorter side to 736 px: a strip of 1,000 x 13 would become 56,000 px long and take minutes.
#: So strips are padded to at most this many times as long as wide.
MOST_ASPECT = 3
#: Memory that the models take per picture, measured with two slots (docs/ocr.md).
LOOK_BYTES = 260_000_000


class Models:
    """One shared RapidOCR instance, whose sessions are thread-safe."""

    def __init__(
        self,
        detector: Detector = "auto",
        further: Path | None = None,
        *,
        recognizer: Recognizer = "small",
        tesseract: str | None = None,
    ) -> None:
        """
        Load the models.

        `further` is a folder of recognizers for other scripts, `tesseract` are languages that Tesseract reads.
        """
        # OpenCV's own threads would compete with ours for the same cores.
        cv2.setNumThreads(1)
        models: dict[str, str] = {"Det.model_path": str(_TINY_DETECTOR)} if detector == "tiny" else {}
        if recognizer == "tiny":
            models |= params_of(_TINY_RECOGNIZER)
        self._ocr = RapidOCR(params=PARAMS | models)
        # Use only the detection model: RapidOCR's own call would also cut out every line, which `read` does itself.
        self._lines = LineFinder(self._ocr._load_det_model(), half_first=detector == "auto")  # noqa: SLF001
        others = [RapidOCR(params={**PARAMS, **model}) for model in (models_in(further) if further else ())]
        recognizers: list[Any] = [other._load_rec_model() for other in others]  # noqa: SLF001
        self._further = FurtherRecognizers(recognizers + ([Tesseract(tesseract)] if tesseract else []), TextRecInput)

    def look(self, rgb: Pixels) -> list[Quad]:
        """Find and read the lines of an RGB picture."""
        bgr = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), dtype=np.uint8)
        bgr = pad_strip(bgr, MOST_ASPECT, cv2.mean(bgr)[:3])
        with BUDGET.hold(LOOK_BYTES):
            return self.read(bgr, self._lines.find(bgr))

    def read(self, bgr: Pixels, found: Sequence[Corners]) -> list[Quad]:
        """
        Read lines in a BGR picture, each given by its corners from its own top left.

        Drops lines with a low score and lines without text, unless they contain unknown letters.
        """
        if not found:
            return []
        laid = [_laid(corners) for corners in found]
        upright, turns = self._ocr.cls_and_rotate([cut_out(bgr, corners) for corners in laid])
        certain = [float(score) > _CERTAIN for _, score in turns.cls_res]
        lines = [
            Quad(np.roll(corners, 2, axis=0) if label == "180" and score > _TURNED else corners, *read)
            for corners, (label, score), read in zip(laid, turns.cls_res, self._said(upright), strict=True)
        ]
        doubtful = [
            at for at, line in enumerate(lines) if line.score < _SURE and not (certain[at] and _agrees(line, lines))
        ]
        turned = {at: np.ascontiguousarray(np.rot90(upright[at], 2)) for at in doubtful}
        for at, (text, score, unread) in zip(doubtful, self._said(list(turned.values())), strict=True):
            other = Quad(np.roll(lines[at].points, 2, axis=0), text, score, unread)
            # A single letter gets a high score in any direction.
            if score > lines[at].score + _BETTER and other.worth > lines[at].worth:
                lines[at], upright[at] = other, turned[at]
        lines = [self._of_any_script(line, crop) for line, crop in zip(lines, upright, strict=True)]
        return [line for line in lines if is_line(line) or line.unread >= STRONG or line.strange]

    def _of_any_script(self, line: Quad, crop: Pixels) -> Quad:
        """Mark a line that may be in an unknown script, and read its `crop` with the further recognizers."""
        if line.score >= UNSURE and not looks_foreign(line):
            return line
        line = replace(line, strange=is_strange(crop, line.score))
        return self._further.better(line, crop) if looks_foreign(line) else line

    def recognize(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        """Return text and score of each crop, which contains one line."""
        return [(text, score) for text, score, _ in self._said(crops)]

    def _said(self, crops: Sequence[Pixels]) -> list[tuple[str, float, float]]:
        """Return text, score, and the longest stretch of ink without a letter, of each crop."""
        if not crops:
            return []
        said = self._ocr.recognize_txt(list(crops))
        return [
            (text, float(score), 0.0 if _is_filled(crop, text) else unread_ink(crop, _places(word)))
            for crop, text, score, word in zip(crops, said.txts, said.scores, said.word_results, strict=True)
        ]


def _is_filled(crop: Pixels, text: str) -> bool:
    """Return whether the letters fill the line, so that there is no ink without a letter."""
    height, width = crop.shape[:2]
    wide = sum(1.0 if character > "\u2e80" else 0.5 for character in text if not character.isspace())
    return bool(wide >= _FILLED * width / max(height, 1))


def _places(word: Any) -> list[float]:
    """Return the centres of the letters as shares of the line's width, from RapidOCR's columns."""
    columns = [column for columns in word.word_cols for column in columns]
    return [(column + 0.5) / word.line_txt_len for column in columns]


def is_line(line: Quad) -> bool:
    """Return whether the line has text and a high enough score."""
    return bool(line.text.strip()) and line.score >= LEAST_SCORE


def _agrees(line: Quad, lines: Sequence[Quad]) -> bool:
    """Return whether a line has the same direction as most other lines on its axis."""
    way = line.points[1] - line.points[0]
    along = [
        float(np.dot(way, other.points[1] - other.points[0])) * other.score for other in lines if other is not line
    ]
    return sum(along) >= 0


def cut_out(bgr: Pixels, corners: Corners) -> Pixels:
    """Cut out a line, with its first corner at the top left."""
    width, height = (int(side) for side in _sides(corners))
    flat = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float32)
    how = cv2.getPerspectiveTransform(corners, flat)
    cut = cv2.warpPerspective(bgr, how, (width, height), borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_CUBIC)
    return np.asarray(cut, dtype=np.uint8)


def _sides(corners: Corners) -> tuple[float, float]:
    """Return width and height of a line; of two opposite sides the longer one counts."""
    edges = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    return float(max(edges[0], edges[2])), float(max(edges[1], edges[3]))


def _laid(corners: Corners) -> Corners:
    """Return the corners in the order that makes the line horizontal: a tall line is turned to the left."""
    width, height = (int(side) for side in _sides(corners))
    return np.roll(corners, -1, axis=0) if height / max(width, 1) >= _TALL else corners
