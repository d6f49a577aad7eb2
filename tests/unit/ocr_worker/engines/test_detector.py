"""A look at half scale, and at full scale only where that leaves doubt. The model is a fake that draws its own map."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from ocr_worker.engines.rapid.detector import LineFinder
from ocr_worker.engines.rapid.doubt import Window, covered, cut_at_edge, doubts, is_plain

#: Height and width of the pictures.
SHAPE = (768, 1024)


def box(x1: float, y1: float, x2: float, y2: float):
    return np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], dtype=np.float32)


class DarkLines:
    """Finds each dark area at any scale, half sure below 8 px of height. Records the sizes of its pictures."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def session(self, blob):
        self.sizes.append(blob.shape[2:])
        return (blob[:, :1] < 0).astype(np.float32)

    def postprocess_op(self, chances, shape: tuple[int, int]) -> tuple[Sequence[object], Sequence[float]]:
        height, width = chances.shape[2:]
        _, _, stats, _ = cv2.connectedComponentsWithStats((chances[0, 0] > 0.5).astype(np.uint8))
        scale = np.array((shape[1] / width, shape[0] / height), np.float32)
        found = [box(x, y, x + w, y + h) * scale for x, y, w, h, _ in stats[1:].tolist()]
        return found, [0.9 if min(np.ptp(one, axis=0)) > 8 else 0.5 for one in found]


def picture(*dark: tuple[int, int, int, int], shape: tuple[int, int] = SHAPE):
    white = np.full((*shape, 3), 255, np.uint8)
    for x1, y1, x2, y2 in dark:
        white[y1:y2, x1:x2] = 0
    return white


def found(finder: LineFinder, bgr) -> list[list[int]]:
    return sorted(
        np.round(np.concatenate([line.min(axis=0), line.max(axis=0)])).astype(int).tolist() for line in finder.find(bgr)
    )


def test_a_picture_without_text_costs_a_quarter_of_a_look():
    model = DarkLines()

    assert LineFinder(model, half_first=True).find(picture()) == []
    assert model.sizes == [(384, 512)]


def test_large_print_is_found_at_half_scale_only():
    model = DarkLines()

    assert found(LineFinder(model, half_first=True), picture((100, 200, 700, 260))) == [[100, 200, 700, 260]]
    assert model.sizes == [(384, 512)]


def test_small_print_is_found_at_full_scale_in_a_window_around_it():
    model = DarkLines()

    lines = found(LineFinder(model, half_first=True), picture((100, 100, 700, 160), (640, 500, 760, 516)))

    assert lines == [[100, 100, 700, 160], [640, 500, 760, 516]]
    assert model.sizes == [(384, 512), (256, 256)]


def test_a_line_that_a_window_cuts_is_found_whole():
    """At half scale only the dark middle of the line shows."""
    model = DarkLines()
    bgr = picture((300, 400, 720, 416))
    # Every other row is light, but for the middle: too faint at half scale.
    bgr[400:416:2, 300:480] = bgr[400:416:2, 540:720] = 255

    lines = found(LineFinder(model, half_first=True), bgr)

    assert min(x1 for x1, _, _, _ in lines) == 300
    assert max(x2 for _, _, x2, _ in lines) == 720


def test_with_doubt_everywhere_one_look_at_the_whole_picture_is_cheaper():
    model = DarkLines()
    small = [(x, y, x + 120, y + 14) for x in range(20, 900, 300) for y in range(20, 740, 60)]

    assert len(LineFinder(model, half_first=True).find(picture(*small))) == len(small)
    assert model.sizes == [(384, 512), (768, 1024)]


def test_a_shape_is_not_looked_at_closely_unless_its_middle_holds_lines():
    """A garment shows as one dark shape, which is text of no size."""
    model = DarkLines()

    LineFinder(model, half_first=True).find(picture((300, 150, 700, 650)))

    assert len(model.sizes) == 2
    assert model.sizes[1] == (320, 320)


def test_without_half_scale_the_whole_picture_is_looked_at_once():
    model = DarkLines()

    assert found(LineFinder(model, half_first=False), picture((640, 500, 760, 516))) == [[640, 500, 760, 516]]
    assert model.sizes == [(768, 1024)]


def test_a_picture_that_was_enlarged_for_the_model_has_lines_in_its_own_px():
    assert found(LineFinder(DarkLines(), half_first=True), picture((60, 100, 300, 140), shape=(368, 400))) == [
        [60, 100, 300, 140]
    ]


@pytest.mark.parametrize(
    ("line", "score", "plain"),
    [
        (box(0, 0, 400, 50), 0.8, True),
        (box(0, 0, 50, 400), 0.8, True),
        (box(0, 0, 400, 20), 0.8, False),
        (box(0, 0, 400, 50), 0.4, False),
        (box(0, 0, 400, 300), 0.8, False),
        (box(0, 0, 1000, 250), 0.8, True),
    ],
)
def test_small_unsure_or_shapeless_lines_are_not_plain(line, score, plain):
    assert is_plain(line, score, SHAPE) is plain


def test_faint_specks_leave_no_doubt():
    chances = np.zeros((384, 512), np.float32)
    chances[100:103, 100:130] = 0.2
    chances[200, 200:204] = 0.9

    assert doubts(chances, [], SHAPE) == ([], [])


def test_a_line_covers_its_pieces_but_not_its_neighbour():
    line = box(100, 100, 400, 150)

    assert covered(box(100, 105, 200, 145), [line])
    assert not covered(box(100, 75, 200, 115), [line])


def test_the_edges_of_the_picture_cut_no_line():
    window = Window(0, 0, 256, 256)

    assert cut_at_edge([box(0, 100, 256, 120)], window, SHAPE) == (False, False, True, False)
    assert window.wider((False, False, True, False), SHAPE) == Window(0, 0, 384, 256)
