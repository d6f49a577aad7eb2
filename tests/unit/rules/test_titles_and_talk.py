"""Titles and descriptions as shops write them: single letters, ambiguous words, negations and advice."""

from collections.abc import Callable

import pytest

Ids = Callable[[str], set[str]]


@pytest.mark.parametrize(
    ("text", "tag"), [("裏地なし 毛100%", "material/wool"), ("안감 없음 면 100%", "material/cotton")]
)
def test_a_negation_behind_its_word_does_not_reach_the_next(ids: Ids, text: str, tag: str):
    assert tag in ids(text)


@pytest.mark.parametrize(
    ("text", "tags", "taken"),
    [
        ("蕾丝拼接羊毛衫", {"material/lace"}, "style/patchwork"),
        ("拼接卫衣男", {"style/patchwork"}, "material/lace"),
        ("海马毛开衫", {"material/mohair"}, "material/horsehair"),
        ("褶皱领口连衣裙", {"style/ruched"}, "style/pleated"),
        ("蝴蝶领结衬衫", {"category/shirt"}, "category/tie"),
        ("男士西装西裤", {"category/suit-pants"}, "category/suit"),
        ("vestido azul com cinto", {"category/dress"}, "category/belt"),
        ("Men Striped Polo Neck T-Shirt", {"category/t-shirt", "style/polo-collar"}, "style/turtleneck"),
        ("Wool polo neck sweater", {"category/sweater", "style/turtleneck"}, "style/polo-collar"),
        ("Ankle length wool socks", {"category/socks"}, "style/ankle-pants"),
        ("Printed saree with blouse piece", {"category/sari"}, "category/blouse"),
        ("Top in jersey with buttons along one shoulder", {"material/jersey"}, "style/one-shoulder"),
    ],
)
def test_the_line_decides_the_meaning_of_a_word(ids: Ids, text: str, tags: set[str], taken: str):
    assert tags <= ids(text)
    assert taken not in ids(text)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("瑜伽裤女提臀高腰", "claim/womenswear"),
        ("羽绒服男加厚短款", "claim/menswear"),
        ("针织衫新款冬遮肚显瘦", "season/winter"),
        ("小众红衬衫", "colour/red"),
        ("黑白格子围巾", "colour/white"),
    ],
)
def test_one_letter_of_a_title_counts_behind_a_word_and_a_colour_before_a_garment(ids: Ids, text: str, tag: str):
    assert tag in ids(text)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("毛衣女神同款", "claim/womenswear"),
        ("短裤夏威夷衬衫", "season/summer"),
        ("仙女连衣裙", "claim/womenswear"),
        ("告白衬衫", "colour/white"),
        ("黑白照片T恤", "colour/black"),
    ],
)
def test_one_letter_of_another_word_gives_nothing(ids: Ids, text: str, tag: str):
    assert tag not in ids(text)


def test_a_slash_carries_a_negation_to_a_treatment_and_not_to_a_new_instruction(ids: Ids):
    assert ids("DO NOT BLEACH/TUMBLE DRY/COOL IRON IF NEEDED") == {
        "care/do-not-bleach",
        "care/do-not-tumble-dry",
        "care/iron-low",
    }


def test_an_english_page_has_no_words_of_other_languages(ids: Ids):
    assert "category/t-shirt" not in ids("Straight-cut shirt in a soft weave with a collar and long sleeves")
    assert "colour/white" not in ids("Sandals in leather wit a metal chain over the front strap")


def test_elided_words_count_as_the_words_that_they_are(ids: Ids):
    assert "season/winter" in ids("Manteau d'hiver en laine")
    assert "season/summer" in ids("Robe d'été plissée")


@pytest.mark.parametrize("text", ["M码适合90-105斤", "尺码偏小 推荐L码"])
def test_a_size_that_is_advised_is_nobodys(ids: Ids, text: str):
    assert not {tag for tag in ids(text) if tag.startswith("size/")}
