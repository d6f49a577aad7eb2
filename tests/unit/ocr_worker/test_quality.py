"""A photo is judged by what was read from it first, and by its sharpness second."""

import cv2
import numpy as np
import pytest

from ocr_worker.images.quality import SOFT, judge, sharpness
from schemas.events import TextLine


def lines(*scores: float) -> tuple[TextLine, ...]:
    return tuple(TextLine(text="COTTON", bbox=(0, 0, 9, 9), score=score) for score in scores)


@pytest.mark.parametrize(
    ("found", "cut_off", "sharp", "verdict"),
    [
        (lines(0.95, 0.9), False, 900.0, "ok"),
        (lines(0.95, 0.9), False, 30.0, "ok"),
        (lines(0.6, 0.7), False, 900.0, "ok"),
        (lines(0.6, 0.7), False, 30.0, "blurry"),
        ((), False, 30.0, "blurry"),
        ((), False, 900.0, "no_text"),
        (lines(0.95), True, 900.0, "cut_off"),
        ((), True, 900.0, "cut_off"),
        (lines(0.5), True, 30.0, "blurry"),
    ],
)
def test_the_verdict(found: tuple[TextLine, ...], cut_off: bool, sharp: float, verdict: str):
    quality = judge(found, cut_off=cut_off, sharp=sharp)

    assert quality.verdict == verdict
    assert quality.sharpness == sharp
    assert (quality.hint is None) == (verdict == "ok")


def test_a_blurry_photo_asks_for_a_clearer_one_in_both_languages():
    assert judge((), cut_off=False, sharp=1.0).hint == "建议上传更清晰的图片 / Please upload a clearer photo"


def test_blurring_lowers_sharpness_below_what_counts_as_soft():
    rng = np.random.default_rng(2)
    crisp = np.kron(rng.integers(0, 2, (60, 80)), np.ones((8, 8))).astype(np.uint8)[:, :, None].repeat(3, axis=2) * 255
    soft = cv2.GaussianBlur(crisp, (0, 0), 6)

    assert sharpness(soft) < SOFT < sharpness(crisp)


def test_a_blank_picture_has_no_sharpness():
    assert sharpness(np.full((30, 40, 3), 200, dtype=np.uint8)) == 0
