"""
PP-OCR's three models on one picture: where lines are, which way they run, and what they say.

RapidOCR does the work; this keeps what its one call drops: which way each line runs. Knows no photo and no second look.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

# ONNX Runtime sends usage events to its maker unless told not to before it is loaded (its Privacy.md, since 1.29).
os.putenv("ORT_DISABLE_TELEMETRY", "1")

from rapidocr import RapidOCR
from rapidocr.main import RapidOCRError

from ocr_worker.engines.rapid.merging import merge
from ocr_worker.engines.rapid.quads import Quad
from ocr_worker.engines.rapid.scripts import STRONG, unread_ink
from ocr_worker.images.decode import Pixels
from ocr_worker.images.memory import BUDGET
from ocr_worker.images.strips import pad_strip

#: Of one line, clockwise: float32 (4, 2), px.
Corners = NDArray[np.float32]

PARAMS = {
    "Global.log_level": "error",
    # Strips are padded here, below.
    "Global.use_vertical_padding": False,
    # Tells where each letter was read.
    "Global.return_word_box": True,
    "Det.box_thresh": 0.3,
    # One thread per photo: more threads per photo spend up to half their time spinning.
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}
#: Lines read less surely than this are dropped (RapidOCR's own default).
LEAST_SCORE = 0.5
#: A line this much taller than wide runs down or up (RapidOCR's own limit).
_TALL = 1.5
#: A line may be upside down although the classifier does not say so: below this certainty, and where most lines of the
#: photo run the other way, it is read both ways.
_TURNED, _CERTAIN = 0.9, 0.98
#: Nothing that is read so surely is upside down.
_SURE = 0.97
#: The other way round must read this much better.
_BETTER = 0.03
#: A line is filled when its letters, half a line height each or a whole one, take up this share of it.
_FILLED = 0.8
#: Where the tiny detector's lines are read less surely than this, the small one looks again.
_SURE_WORD = 0.93
#: Finds lines at a quarter of the small detector's cost, some of them cut. Vendored: no wheel of RapidOCR's has it.
_TINY = Path(__file__).parent / "tiny" / "PP-OCRv6_det_tiny.onnx"
Detector = Literal["small", "tiny", "both"]
#: The detector enlarges the shorter side to 736 px: a strip of 1,000 x 13 would become 56,000 px long and take minutes.
#: So strips are padded to at most this many times as long as wide.
MOST_ASPECT = 3
#: Memory that the models take for one picture, measured with two slots (docs/ocr.md).
LOOK_BYTES = 260_000_000


class Models:
    """One shared RapidOCR instance: its sessions are safe to use from several threads."""

    def __init__(self, detector: Detector = "small") -> None:
        # OpenCV's own threads would fight with ours for the same cores.
        cv2.setNumThreads(1)
        self._ocr = RapidOCR(params=PARAMS)
        self._first = self._ocr if detector == "small" else RapidOCR(params=PARAMS | {"Det.model_path": str(_TINY)})
        self._second = self._ocr if detector == "both" else None

    def look(self, rgb: Pixels) -> list[Quad]:
        """Find and read the lines of a picture. Of both detectors the small one looks where the tiny one is unsure."""
        bgr = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), dtype=np.uint8)
        bgr = pad_strip(bgr, MOST_ASPECT, cv2.mean(bgr)[:3])
        with BUDGET.hold(LOOK_BYTES):
            lines = self.read(bgr, _find(self._first, bgr))
            if self._second is None or not _is_unsure(lines):
                return lines
            return merge(lines, self.read(bgr, _find(self._second, bgr)))

    def read(self, bgr: Pixels, found: Sequence[Corners]) -> list[Quad]:
        """
        Read lines, each with its corners from its own top left.

        Lines too unsure are left out, and those without text, unless they hold ink of letters that are not known.
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
        others = self._said([np.ascontiguousarray(np.rot90(upright[at], 2)) for at in doubtful])
        for at, (text, score, unread) in zip(doubtful, others, strict=True):
            other = Quad(np.roll(lines[at].points, 2, axis=0), text, score, unread)
            # Single letters are read surely any way round.
            if score > lines[at].score + _BETTER and other.worth > lines[at].worth:
                lines[at] = other
        return [line for line in lines if is_line(line) or line.unread >= STRONG]

    def recognize(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        """Give the text of each crop of one line, and how sure it is."""
        return [(text, score) for text, score, _ in self._said(crops)]

    def _said(self, crops: Sequence[Pixels]) -> list[tuple[str, float, float]]:
        """Give text, score, and the longest stretch of ink without a letter, of each crop of one line."""
        if not crops:
            return []
        said = self._ocr.recognize_txt(list(crops))
        return [
            (text, float(score), 0.0 if _is_filled(crop, text) else unread_ink(crop, _places(word)))
            for crop, text, score, word in zip(crops, said.txts, said.scores, said.word_results, strict=True)
        ]


def _is_filled(crop: Pixels, text: str) -> bool:
    """Tell whether there are about as many letters as have room, so that no ink needs looking for."""
    height, width = crop.shape[:2]
    wide = sum(1.0 if character > "\u2e80" else 0.5 for character in text if not character.isspace())
    return bool(wide >= _FILLED * width / max(height, 1))


def _places(word: Any) -> list[float]:
    """Give where letters were read, as shares of a line's width, from RapidOCR's columns."""
    columns = [column for columns in word.word_cols for column in columns]
    return [(column + 0.5) / word.line_txt_len for column in columns]


def _find(ocr: RapidOCR, bgr: Pixels) -> list[Corners]:
    """Find the lines of a picture: corners clockwise from its top left, whichever way the line runs."""
    try:
        _, found = ocr.detect_and_crop(bgr, {})
    except RapidOCRError:
        # What RapidOCR says when there is no line.
        return []
    return [np.asarray(corners, dtype=np.float32) for corners in found.boxes]


def _is_unsure(lines: Sequence[Quad]) -> bool:
    """Tell whether a surer look may give more: something like a word was found, and not read surely."""
    words = [line for line in lines if sum(character.isalnum() for character in line.text) > 1 or line.unread]
    return any(line.score < _SURE_WORD for line in words)


def is_line(line: Quad) -> bool:
    """Tell whether text was read, and surely enough."""
    return bool(line.text.strip()) and line.score >= LEAST_SCORE


def _agrees(line: Quad, lines: Sequence[Quad]) -> bool:
    """Tell whether a line runs as most of those do that lie along the same axis."""
    way = line.points[1] - line.points[0]
    along = [
        float(np.dot(way, other.points[1] - other.points[0])) * other.score for other in lines if other is not line
    ]
    return sum(along) >= 0


def cut_out(bgr: Pixels, corners: Corners) -> Pixels:
    """Cut out a line, its first corner at the top left."""
    width, height = (int(side) for side in _sides(corners))
    flat = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float32)
    how = cv2.getPerspectiveTransform(corners, flat)
    cut = cv2.warpPerspective(bgr, how, (width, height), borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_CUBIC)
    return np.asarray(cut, dtype=np.uint8)


def _sides(corners: Corners) -> tuple[float, float]:
    """Give the width and height of a line: the longer one of two opposite sides."""
    edges = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    return float(max(edges[0], edges[2])), float(max(edges[1], edges[3]))


def _laid(corners: Corners) -> Corners:
    """Give the corners in the order that lays the line down: a tall line is turned to the left."""
    width, height = (int(side) for side in _sides(corners))
    return np.roll(corners, -1, axis=0) if height / max(width, 1) >= _TALL else corners
