"""What a negation takes away, and where its reach ends."""

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text",
    [
        "不含棉",
        "非纯棉",
        "棉0%",
        "NO COTTON",
        "0% cotton",
        "not 100% cotton",
        "cotton-free",
        "不含任何棉",
        "没有用到一点棉",
        "不含羊毛、棉和真丝",
        "neither wool nor cotton",
        "free of cotton",
        "sans coton",
        "ohne Baumwolle",
        "不含\n棉",
        "cotton-like feel",
        "looks like cotton",
        "仿棉",
        "棉感",
        "棉质感面料",
    ],
)
def test_cotton_that_is_not_there_is_no_tag(ids: Callable[[str], set[str]], text: str):
    assert "material/cotton" not in ids(text)
    assert "claim/pure-cotton" not in ids(text)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("不含棉, 100%聚酯纤维", "material/polyester"),
        ("no cotton, 100% polyester", "material/polyester"),
        ("不含棉 涤纶100%", "material/polyester"),
        ("不含荧光剂\n棉100%", "material/cotton"),
        ("非常宽松的卫衣", "style/oversize"),
        ("不仅显瘦还显高", "style/slimming"),
        ("不规则半身裙", "style/asymmetric"),
        ("无袖连衣裙", "style/sleeveless"),
        ("无需熨烫 纯棉衬衫", "claim/pure-cotton"),
        ("not only cotton but linen too", "material/cotton"),
        ("仿真丝雪纺衫", "category/chiffon-blouse"),
        ("faux leather skirt", "material/faux-leather"),
        ("Art. No. 123 cotton shirt", "material/cotton"),
    ],
)
def test_words_beyond_the_reach_of_a_negation_stay(ids: Callable[[str], set[str]], text: str, tag: str):
    assert tag in ids(text)


def test_the_reason_names_the_negation(reasons: Callable[[str], dict[str, str]]):
    assert reasons("不含棉") == {"material/cotton": "negated: without"}
    assert reasons("silk-like") == {"material/silk": "negated: like"}


def test_an_imitation_takes_away_materials_only(ids: Callable[[str], set[str]]):
    assert ids("仿羊绒围巾") == {"category/scarf"}


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("no cashmere, mohair or angora", {"material/cashmere", "material/mohair", "material/angora"}),
        ("contains no animal fur, feathers, silk or wool", {"material/fur", "material/silk", "material/wool"}),
        ("不含羊毛，兔毛和真丝", {"material/wool", "material/angora", "material/silk"}),
        ("NO LEATHER, SUEDE\nOR FUR", {"material/leather", "material/suede", "material/fur"}),
    ],
)
def test_a_negation_holds_over_the_commas_of_a_list(ids: Callable[[str], set[str]], text: str, gone: set[str]):
    assert not ids(text) & gone


@pytest.mark.parametrize("text", ["Silk: No", "含真丝：否", "Silk: none", "真丝：无", "Soie : non"])
def test_a_field_with_the_value_no_gives_no_tag(ids: Callable[[str], set[str]], text: str):
    assert ids(text) == set()


def test_a_field_with_the_value_no_removes_only_its_own_word(ids: Callable[[str], set[str]]):
    assert "material/linen" in ids("Leather: no\nLinen: 100%")


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("Do not wring, bleach or iron", {"care/do-not-wring", "care/do-not-bleach"}),
        ("Do not machine wash, bleach or tumble dry", {"care/do-not-bleach", "care/do-not-tumble-dry"}),
        ("Please do not use bleach", {"care/do-not-bleach"}),
        ("请勿将本品放入转笼干燥", {"care/do-not-tumble-dry"}),
        ("DO NOT\nDRY CLEAN", {"care/do-not-dry-clean"}),
        ("No bleach, tumble dry low", {"care/do-not-bleach", "care/tumble-dry"}),
        ("Not suitable for tumble drying", {"care/do-not-tumble-dry"}),
        ("请勿使用烘干机", {"care/do-not-tumble-dry"}),
        (
            "Do not bleach, tumble dry low, do not iron or dry clean",
            {"care/do-not-bleach", "care/tumble-dry", "care/do-not-iron", "care/do-not-dry-clean"},
        ),
        (
            "Ne pas javelliser, repassage doux, ne pas sécher en machine",
            {"care/do-not-bleach", "care/iron-low", "care/do-not-tumble-dry"},
        ),
    ],
)
def test_a_forbidden_treatment_gives_its_opposite(ids: Callable[[str], set[str]], text: str, tags: set[str]):
    assert ids(text) == tags


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("不含：羊绒 真丝", {"material/cashmere", "material/silk"}),
        ("Without: fur, leather or silk", {"material/fur", "material/leather", "material/silk"}),
        ("Do not wring, steam or dry clean", {"care/dry-clean"}),
    ],
)
def test_a_negation_holds_over_its_colon_and_an_unknown_item(ids: Callable[[str], set[str]], text: str, gone: set[str]):
    assert not ids(text) & gone


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("不可用洗衣机 低温熨烫", "care/iron-low"),
        ("可机洗 不可用烘干机 中温熨烫", "care/iron-medium"),
        ("不含荧光剂 纯棉T恤", "material/cotton"),
        ("无荧光 羊毛衫", "material/wool"),
    ],
)
def test_a_negation_of_something_unknown_ends_at_a_space(ids: Callable[[str], set[str]], text: str, tag: str):
    assert tag in ids(text)


@pytest.mark.parametrize("text", ["不含 羊毛 T恤", "不 含 羊 毛 T恤", "不含 棉 羊毛 T恤"])
def test_a_space_right_after_a_negation_changes_nothing(ids: Callable[[str], set[str]], text: str):
    assert not ids(text) & {"material/wool", "material/cotton"}


def test_a_number_is_no_negation(ids: Callable[[str], set[str]]):
    assert "material/wool" in ids("Item no: wool coat")
