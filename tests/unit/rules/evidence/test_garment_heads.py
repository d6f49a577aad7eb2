"""Which of the garments that a text names is meant: the head of a title, and not a part of it."""

from collections.abc import Callable

import pytest

Ids = Callable[[str], set[str]]


@pytest.mark.parametrize(
    ("text", "tags", "taken"),
    [
        ("T恤裙 宽松连衣裙", {"category/t-shirt-dress", "category/dress"}, "category/t-shirt"),
        ("V领长裙 雪纺", {"category/dress", "style/v-neck"}, "category/skirt"),
        ("雪纺裙", {"category/skirt", "material/chiffon"}, "category/dress"),
        ("男西服 新郎礼服", {"category/suit"}, "category/dress"),
        ("高腰牛仔阔腿裤", {"category/jeans", "style/wide-leg"}, "category/wide-leg-pants"),
        ("Striped polo with contrast collar", {"category/polo-shirt"}, "category/t-shirt"),
        ("Ankle-length jeans", {"category/jeans", "style/ankle-pants"}, "style/maxi"),
    ],
)
def test_one_garment_has_one_head(ids: Ids, text: str, tags: set[str], taken: str):
    assert tags <= ids(text)
    assert taken not in ids(text)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("Black cocktail dress", {"category/dress", "occasion/party"}),
        ("Linen wrap dress", {"category/dress", "style/wrap"}),
        ("Satin mini dress", {"category/dress", "style/mini"}),
        ("Padded ski jacket", {"category/jacket", "occasion/skiing"}),
        ("Grey logo tee", {"category/t-shirt", "pattern/logo"}),
        ("白色麻花毛衣", {"category/sweater", "material/cable-knit"}),
        ("Camisole in cotton jersey", {"material/cotton", "material/jersey"}),
    ],
)
def test_a_garment_named_for_its_purpose_or_look_is_still_that_garment(ids: Ids, text: str, tags: set[str]):
    assert tags <= ids(text)


@pytest.mark.parametrize(
    ("text", "tags", "taken"),
    [
        (
            "Mini dress in viscose with a V-neck, short sleeves and a gathered skirt",
            {"category/dress"},
            "category/skirt",
        ),
        (
            "Gown with a fitted bodice. Gently pleated skirt and a zip.",
            {"category/evening-dress"},
            "category/pleated-skirt",
        ),
        ("Dress in linen with an A-line skirt", {"category/dress", "style/a-line"}, "category/skirt"),
        ("Kleid mit weitem Rock und Taschen, Damen", {"category/dress"}, "category/skirt"),
        ("Jumpsuit in jersey with wide trousers", {"category/jumpsuit"}, "category/pants"),
        ("Dress in cotton/linen, with a pleated skirt", {"category/dress"}, "category/skirt"),
        ("Top in linen; gown in tulle with a full skirt", {"category/dress"}, "category/skirt"),
    ],
)
def test_a_part_of_a_garment_that_is_described_is_no_garment(ids: Ids, text: str, tags: set[str], taken: str):
    assert tags <= ids(text)
    assert taken not in ids(text)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Dresses in satin, skirts in denim", "category/skirt"),
        ("Gown in velvet and skirt in tweed", "category/skirt"),
        ("Kleider aus Leinen und Röcke aus Samt", "category/skirt"),
        ("Skirt in linen, matches our dress", "category/skirt"),
        ("Dress, skirt and top", "category/skirt"),
        ("Dress in chiffon / skirt in velvet", "category/skirt"),
        ("Jumpsuit in jersey + trousers in linen", "category/pants"),
        ("Gown made of silk; striped skirt", "category/skirt"),
        ("Dress with pockets, skirt with buttons", "category/skirt"),
        ("Kleid mit Gürtel, Rock aus Leder", "category/skirt"),
        ("Easy pull-on trousers", "category/pants"),
    ],
)
def test_garments_side_by_side_are_each_one(ids: Ids, text: str, tag: str):
    assert tag in ids(text)
    assert "category/sweater" not in ids(text)


@pytest.mark.parametrize(("words", "parts"), [(20, set()), (200, {"category/skirt"})])
def test_a_description_ends_at_last_so_that_long_lines_take_linear_time(ids: Ids, words: int, parts: set[str]):
    assert ids(f"Dress in satin {'very ' * words} with a skirt") & {"category/skirt"} == parts
