"""
How readable a photo was, judged after reading it. Pure.

Sharpness alone condemns soft photos of large letters and empty skies; together with what the engine made of the
photo it catches 74 % of unreadable photos at 1.4 % false alarms (docs/ocr.md).
"""

from collections.abc import Sequence

import cv2

from ocr_worker.images.decode import Pixels
from ocr_worker.result import Flaw, ReadQuality, Verdict
from schemas.events import TextLine

#: A mean line score below this says the engine was guessing.
GUESSING = 0.80
#: Variance of the Laplacian at <= 1,024 px below which a photo counts as soft.
SOFT = 400.0

#: Of several flaws the first is told: the others matter less to who took the photo.
_WORST_FIRST: tuple[Flaw, ...] = ("cut_off", "too_long", "script_unsupported", "mirrored")

_HINTS: dict[Verdict, str] = {
    "blurry": "建议上传更清晰的图片 / Please upload a clearer photo",
    "no_text": "图片中没有找到文字 / No text was found in this photo",
    "cut_off": "图片不完整，文字可能没有读完 / The photo may be incomplete; some of its text was not read",
    "too_long": "图片过长，只读取了前面的部分，请分段上传 / The picture is too long; only its first part was read. "
    "Please upload it in parts",
    "script_unsupported": "图片中有暂不支持的文字 / Some of the text is in a script that cannot be read yet",
    "mirrored": "图片是镜像的，已翻转后读取 / The photo is mirrored; it was read after flipping it",
}


def sharpness(small: Pixels) -> float:
    """Measure the variance of the Laplacian of the grey picture; comparable between pictures of <= 1,024 px only."""
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    edges = cv2.Laplacian(grey, cv2.CV_16S)
    # The sums of 16-bit integers are exact, and several times faster than cv2.meanStdDev.
    mean, square = cv2.sumElems(edges)[0] / edges.size, cv2.norm(edges, cv2.NORM_L2SQR) / edges.size
    return round(float(square - mean * mean), 2)


def judge(lines: Sequence[TextLine], flaws: frozenset[Flaw], sharp: float) -> ReadQuality:
    """Give the verdict. A sharp photo without text is `no_text`: a clearer one would not help."""
    mean = sum(line.score for line in lines) / len(lines) if lines else 0.0
    verdict: Verdict = "ok"
    if mean < GUESSING and sharp < SOFT:
        verdict = "blurry"
    elif flaws:
        verdict = next(flaw for flaw in _WORST_FIRST if flaw in flaws)
    elif not lines:
        verdict = "no_text"
    return ReadQuality(verdict=verdict, sharpness=sharp, hint=_HINTS.get(verdict))
