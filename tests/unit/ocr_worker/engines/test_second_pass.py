"""Where to look again."""

import numpy as np

from ocr_worker.engines.rapid.quads import Quad
from ocr_worker.engines.rapid.second_pass import MAX_BLOBS, MAX_REGIONS, busy_blobs, quarters, roomy, unsure_regions

SIZE = (1024, 768)


def line(x: float, y: float, *, h: float = 12, score: float = 0.95, text: str = "COTTON", w: float = 100) -> Quad:
    return Quad(np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], dtype=np.float32), text, score)


def test_small_lines_close_together_make_one_region():
    (region,) = unsure_regions([line(100, 100), line(100, 120), line(100, 140)], SIZE)

    assert region == (82, 82, 218, 170)


def test_large_lines_that_were_read_surely_are_left_alone():
    assert unsure_regions([line(100, 100, h=40)], SIZE) == []


def test_large_lines_that_were_read_unsurely_are_looked_at_again():
    assert len(unsure_regions([line(100, 100, h=40, score=0.7)], SIZE)) == 1


def test_single_letters_get_no_second_look():
    assert unsure_regions([line(100, 100, h=40, score=0.6, text="福"), line(400, 400, score=0.7, text="2")], SIZE) == []


def test_a_chain_of_neighbours_is_one_region_in_any_order():
    chain = [line(100, y) for y in (100, 180, 140, 120, 160)]

    assert len(unsure_regions(chain, SIZE)) == 1


def test_regions_stay_in_the_picture():
    (region,) = unsure_regions([line(0, 0), line(0, 756)][:1], SIZE)

    assert region[0] == 0
    assert region[1] == 0


def test_only_the_regions_with_the_most_text_are_looked_at():
    apart = [line(50, 60 + at * 120, text="x" * (at + 2)) for at in range(MAX_REGIONS + 2)]

    regions = unsure_regions(apart, SIZE)

    assert len(regions) == MAX_REGIONS
    assert [region[1] for region in regions] == sorted((region[1] for region in regions), reverse=True)


def test_the_busiest_spot_of_a_quiet_picture_is_found():
    picture = np.full((768, 1024, 3), 128, dtype=np.uint8)
    picture[300:360, 500:700] = np.random.default_rng(1).integers(0, 255, (60, 200, 3), dtype=np.uint8)

    (blob,) = busy_blobs(picture)

    assert blob[0] <= 500
    assert blob[1] <= 300
    assert blob[2] >= 699
    assert blob[3] >= 359
    assert (blob[2] - blob[0]) < 300


def test_a_blank_picture_has_no_busy_spot():
    assert busy_blobs(np.full((100, 200, 3), 90, dtype=np.uint8)) == []


def test_there_are_never_more_blobs_than_are_paid_for():
    noise = np.full((768, 1024, 3), 128, dtype=np.uint8)
    for x in range(50, 1000, 200):
        noise[100:180, x : x + 80] = np.random.default_rng(x).integers(0, 255, (80, 80, 3), dtype=np.uint8)

    assert len(busy_blobs(noise)) == MAX_BLOBS


def test_quarters_cover_the_whole_picture_and_overlap():
    seen = np.zeros((100, 200), dtype=int)
    for x1, y1, x2, y2 in quarters((200, 100)):
        seen[round(y1) : round(y2), round(x1) : round(x2)] += 1

    assert seen.min() == 1
    assert seen.max() == 4


def test_a_box_grows_on_all_sides_inside_the_picture():
    assert roomy((100, 100, 200, 120), (300, 200), SIZE) == (0, 10, 300, 210)
    assert roomy((1000, 700, 1020, 760), (300, 200), SIZE) == (724, 568, 1024, 768)
    assert roomy((0, 0, 1024, 768), (300, 200), SIZE) == (0, 0, 1024, 768)
    assert roomy((5, 5, 6, 6), (3000, 3000), SIZE) == (0, 0, 1024, 768)
