"""A photo is judged by what was read from it first, and by its sharpness second."""

import cv2
import numpy as np
import pytest

from ocr_worker.images.quality import SOFT, judge, sharpness
from ocr_worker.result import Flaw
from schemas.events import TextLine


def lines(*scores: float) -> tuple[TextLine, ...]:
    return tuple(TextLine(text="COTTON", bbox=(0, 0, 9, 9), score=score) for score in scores)


@pytest.mark.parametrize(
    ("found", "flaws", "sharp", "verdict"),
    [
        (lines(0.95, 0.9), set(), 900.0, "ok"),
        (lines(0.95, 0.9), set(), 30.0, "ok"),
        (lines(0.6, 0.7), set(), 900.0, "ok"),
        (lines(0.6, 0.7), set(), 30.0, "blurry"),
        ((), set(), 30.0, "blurry"),
        ((), set(), 900.0, "no_text"),
        (lines(0.95), {"cut_off"}, 900.0, "cut_off"),
        ((), {"cut_off"}, 900.0, "cut_off"),
        (lines(0.5), {"cut_off"}, 30.0, "blurry"),
        (lines(0.95), {"mirrored"}, 900.0, "mirrored"),
        (lines(0.95), {"mirrored", "script_unsupported", "too_long"}, 900.0, "too_long"),
        (lines(0.95), {"mirrored", "script_unsupported"}, 900.0, "script_unsupported"),
    ],
)
def test_the_verdict(found: tuple[TextLine, ...], flaws: set[Flaw], sharp: float, verdict: str):
    quality = judge(found, frozenset(flaws), sharp)

    assert quality.verdict == verdict
    assert quality.sharpness == sharp
    assert (quality.hint is None) == (verdict == "ok")


def test_a_blurry_photo_asks_for_a_clearer_one_in_both_languages():
    assert judge((), frozenset(), 1.0).hint == "建议上传更清晰的图片 / Please upload a clearer photo"


def test_blurring_lowers_sharpness_below_what_counts_as_soft():
    rng = np.random.default_rng(2)
    crisp = np.kron(rng.integers(0, 2, (60, 80)), np.ones((8, 8))).astype(np.uint8)[:, :, None].repeat(3, axis=2) * 255
    soft = cv2.GaussianBlur(crisp, (0, 0), 6)

    assert sharpness(soft) < SOFT < sharpness(crisp)


def test_a_blank_picture_has_no_sharpness():
    assert sharpness(np.full((30, 40, 3), 200, dtype=np.uint8)) == 0
