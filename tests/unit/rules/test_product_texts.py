"""A word on a print, in a name or in talk is no evidence; the same word on a label is."""

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text",
    [
        "Blue Ridge Mountains",
        "Summer of 69",
        "Cashmere Cat concert",
        "Dress to impress",
        "Winter is coming",
        "Satin Doll",
        "帽子戏法",
        "手表维修",
        "背包客青年旅舍",
        "西装革履",
        "COTTON CANDY",
        "棉花糖",
        "Silk Road",
        "全棉时代",
        "Black Friday",
        "committee",
    ],
)
def test_a_slogan_is_no_evidence(ids: Callable[[str], set[str]], text: str):
    assert ids(text) == set()


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("版型：宽松", "style/oversize"),
        ("珍珠项链", "category/necklace"),
        ("opaque tights", "category/tights"),
        ("Leopard print", "pattern/leopard"),
        ("SPRING 2026", "season/spring"),
        ("cashmere blend", "material/cashmere"),
        ("50% off all dresses", "category/dress"),
        ("Shirt, blue", "colour/blue"),
        ("SATIN", "material/satin"),
    ],
)
def test_a_product_text_is(ids: Callable[[str], set[str]], text: str, tag: str):
    assert tag in ids(text)


def test_a_dropped_word_has_its_reason(reasons: Callable[[str], dict[str, str]]):
    assert reasons("Blue Ridge Mountains") == {"colour/blue": "the only product word in its line"}
    assert reasons("COTTON CANDY") == {"material/cotton": "the phrase means something else"}
    assert reasons("全场包邮") == {"promotion/free-shipping": "never a tag"}


def test_one_chinese_letter_counts_only_as_a_separate_word(ids: Callable[[str], set[str]]):
    assert ids("棉") == {"material/cotton"}
    assert ids("棉/麻") >= {"material/cotton"}
    assert ids("棉T恤") == {"material/cotton", "category/t-shirt"}
    assert ids("采棉区") == set()


def test_short_fibre_names_need_a_percentage_or_a_field(ids: Callable[[str], set[str]]):
    assert ids("lana") == set()
    assert ids("70% lana") == {"material/wool"}
    assert ids("Composition: lana") == {"material/wool"}
