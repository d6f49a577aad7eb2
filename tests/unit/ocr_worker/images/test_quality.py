"""A photo is judged by what was read from it first, and by its sharpness second."""

import cv2
import numpy as np
import pytest

from ocr_worker.images.quality import SOFT, focus, judge, sharpness
from ocr_worker.result import Flaw
from schemas.events import TextLine


def lines(*scores: float, text: str = "100% COTTON") -> tuple[TextLine, ...]:
    return tuple(TextLine(text=text, bbox=(0, 0, 9, 9), score=score) for score in scores)


SHARP, UNSHARP, WRECKED = 2.4, 1.45, 1.15


@pytest.mark.parametrize(
    ("found", "flaws", "in_focus", "verdict"),
    [
        (lines(0.95, 0.9), set(), SHARP, "ok"),
        (lines(0.95, 0.9), set(), UNSHARP, "ok"),
        (lines(0.95, 0.9), set(), WRECKED, "ok"),
        (lines(0.6, 0.7), set(), SHARP, "ok"),
        (lines(0.6, 0.7), set(), UNSHARP, "blurry"),
        ((), set(), UNSHARP, "blurry"),
        ((), set(), SHARP, "no_text"),
        (lines(0.74, text="福"), set(), SHARP, "no_text"),
        (lines(0.99, text="A"), set(), SHARP, "no_text"),
        (lines(0.55, 0.6, text="7p7"), set(), SHARP, "no_text"),
        (lines(0.74, text="福"), set(), UNSHARP, "blurry"),
        (lines(0.97, text="XL"), set(), SHARP, "ok"),
        (lines(0.97, text="XL"), set(), UNSHARP, "ok"),
        (lines(0.93, text="COTLON"), set(), WRECKED, "blurry"),
        (lines(0.95), {"cut_off"}, SHARP, "cut_off"),
        ((), {"cut_off"}, SHARP, "cut_off"),
        (lines(0.5), {"cut_off"}, UNSHARP, "blurry"),
        (lines(0.95), {"mirrored"}, SHARP, "mirrored"),
        (lines(0.95), {"mirrored", "script_unsupported", "too_long"}, SHARP, "too_long"),
        (lines(0.95), {"mirrored", "script_unsupported"}, SHARP, "script_unsupported"),
        ((), {"script_unsupported"}, UNSHARP, "script_unsupported"),
    ],
)
def test_the_verdict(found: tuple[TextLine, ...], flaws: set[Flaw], in_focus: float, verdict: str):
    quality = judge(found, frozenset(flaws), 100.0, lambda: in_focus)

    assert quality.verdict == verdict
    assert quality.sharpness == 100
    assert (quality.hint is None) == (verdict == "ok")


def test_a_blurry_photo_asks_for_a_clearer_one_in_both_languages():
    assert judge((), frozenset(), 1.0, lambda: 1.0).hint == "建议上传更清晰的图片 / Please upload a clearer photo"


def garment(texture: int) -> np.ndarray:
    """Draw a plain shirt on a plain sheet: hardly an edge but its own outline."""
    noise = np.random.default_rng(3).normal(0, texture, (900, 700, 3))
    picture = np.full((900, 700, 3), 205.0) + noise
    cv2.fillPoly(
        picture,
        [np.array([(200, 150), (500, 150), (650, 300), (560, 360), (540, 800), (160, 800), (140, 360), (50, 300)])],
        (60, 70, 90),
    )
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def test_a_plain_garment_in_focus_is_not_called_blurred_although_it_has_few_edges():
    plain = garment(1)

    assert sharpness(plain) < 400
    assert judge((), frozenset(), sharpness(plain), lambda: focus(plain)).verdict == "no_text"


@pytest.mark.parametrize("spread", [4, 8])
def test_the_same_garment_out_of_focus_is_blurred(spread: int):
    soft = cv2.GaussianBlur(garment(1), (0, 0), spread)

    assert judge((), frozenset(), sharpness(soft), lambda: focus(soft)).verdict == "blurry"


@pytest.mark.parametrize("shape", [(1, 25), (25, 1)])
def test_the_same_garment_shaken_either_way_is_blurred(shape: tuple[int, int]):
    shaken = cv2.blur(garment(1), shape)

    assert judge((), frozenset(), sharpness(shaken), lambda: focus(shaken)).verdict == "blurry"


def test_blurring_lowers_focus_below_what_counts_as_soft():
    rng = np.random.default_rng(2)
    crisp = np.kron(rng.integers(0, 2, (60, 80)), np.ones((8, 8))).astype(np.uint8)[:, :, None].repeat(3, axis=2) * 255
    soft = cv2.GaussianBlur(crisp, (0, 0), 6)

    assert focus(soft) < SOFT < focus(crisp)


def test_a_blank_picture_has_no_sharpness():
    assert sharpness(np.full((30, 40, 3), 200, dtype=np.uint8)) == 0


def test_a_picture_too_small_to_tell_has_no_focus():
    assert focus(np.zeros((5, 500, 3), dtype=np.uint8)) == 0
