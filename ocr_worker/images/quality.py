"""
Judges how readable a photo was, after it has been read. Pure.

The text decides first: enough letters with high scores are never "blurred". Focus matters only where there are too few.
It is measured at the sharpest edges, because a plain garment on a bed has few edges without being blurred.
Measured on real photos and blurred copies of them (docs/ocr.md).
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_worker.images.decode import Pixels
from ocr_worker.result import Flaw, ReadQuality, Verdict
from schemas.events import TextLine

#: A lower mean line score means that the engine was guessing.
GUESSING = 0.80
#: Cloth patterns are read as a letter or two. A line counts as text if it has this many letters and this score.
_SHORT, _SHORT_SCORE = 2, 0.8
#: A line also counts as text if it has this many letters and this lower score.
_LONG, _LONG_SCORE = 4, 0.6
#: Below this focus no small print is readable. Below the second, hardly anything is, and words read are invented.
SOFT, HOPELESS = 1.6, 1.3
_FEW_LETTERS = 12
#: Focus is measured on tiles with sides of this many px: only on the fifth with the strongest edges, and there only on
#: the strongest pixels.
_TILE, _STRONG_TILES, _STRONG_PIXELS, _FAINT = 32, 0.8, 0.02, 0.05

#: Hints by verdict. If several apply, the first is shown: the others matter less to the photographer.
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
#: A striped picture has edges in one direction. Edges in the other direction below this share are ignored.
_ONE_WAY = 0.2


def sharpness(small: Pixels) -> float:
    """Return the variance of the Laplacian of the grey picture; comparable only between pictures of <= 1,024 px."""
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    edges = cv2.Laplacian(grey, cv2.CV_16S)
    # Sums of 16-bit integers are exact, and several times faster than cv2.meanStdDev.
    mean, square = cv2.sumElems(edges)[0] / edges.size, cv2.norm(edges, cv2.NORM_L2SQR) / edges.size
    return round(float(square - mean * mean), 2)


def focus(small: Pixels) -> float:
    """
    Return how much the sharpest edges lose when the picture is blurred; 1: nothing, because they were soft already.

    Measured horizontally and vertically; the lower value counts, because a shaken photo is sharp in one direction.
    """
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    height, width = (side // _TILE * _TILE for side in grey.shape)
    if not height or not width:
        return 0.0
    soft = cv2.GaussianBlur(grey, (0, 0), 2.0)
    lost: list[tuple[float, float]] = []
    for across, down in ((1, 0), (0, 1)):
        before, after = (_edges(cv2.Sobel(of, cv2.CV_16S, across, down)[:height, :width]) for of in (grey, soft))
        # On a page with few words most tiles are blank, so ignore tiles with faint edges.
        strong = before >= max(float(np.quantile(before, _STRONG_TILES)), _FAINT * float(before.max()))
        lost.append((float(np.median(before[strong])), float(np.median(before[strong] / (after[strong] + 1)))))
    strongest = max(strength for strength, _ in lost)
    return min(loss for strength, loss in lost if strength >= _ONE_WAY * strongest)


def _edges(gradient: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return the strength of each tile's strongest pixels."""
    height, width = gradient.shape
    tiles = np.abs(gradient).reshape(height // _TILE, _TILE, width // _TILE, _TILE).swapaxes(1, 2)
    strongest = int(_TILE * _TILE * _STRONG_PIXELS)
    return np.partition(tiles.reshape(-1, _TILE * _TILE), -strongest, axis=1)[:, -strongest].astype(np.float32)


def judge(
    lines: Sequence[TextLine], flaws: frozenset[Flaw], sharp: float, in_focus: Callable[[], float]
) -> ReadQuality:
    """Return the verdict. A sharp photo without text is `no_text`, because a clearer photo would not help."""
    evidence = [line for line in lines if _is_evidence(line)]
    letters = sum(_letters(line) for line in evidence)
    mean = sum(line.score for line in lines) / len(lines) if lines else 0.0
    verdict: Verdict = "ok"
    # Ink that is distinct from its background, but is no known letter, is not blurred.
    doubtful = (mean < GUESSING or letters < _FEW_LETTERS) and "script_unsupported" not in flaws
    if doubtful and _is_blurry(in_focus(), letters, mean):
        verdict = "blurry"
    elif flaws:
        verdict = next(flaw for flaw in _WORST_FIRST if flaw in flaws)
    elif not evidence:
        verdict = "no_text"
    return ReadQuality(verdict=verdict, sharpness=sharp, hint=_HINTS.get(verdict))


def _is_blurry(in_focus: float, letters: int, mean: float) -> bool:
    return in_focus < (SOFT if mean < GUESSING or not letters else HOPELESS)


def _is_evidence(line: TextLine) -> bool:
    letters = _letters(line)
    return (letters >= _SHORT and line.score >= _SHORT_SCORE) or (letters >= _LONG and line.score >= _LONG_SCORE)


def _letters(line: TextLine) -> int:
    return sum(character.isalnum() for character in line.text)
