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
def test_what_the_negation_does_not_reach_stays(ids: Callable[[str], set[str]], text: str, tag: str):
    assert tag in ids(text)


def test_the_reason_names_the_negation(reasons: Callable[[str], dict[str, str]]):
    assert reasons("不含棉") == {"material/cotton": "negated: without"}
    assert reasons("silk-like") == {"material/silk": "negated: like"}


def test_an_imitation_takes_away_materials_only(ids: Callable[[str], set[str]]):
    assert ids("仿羊绒围巾") == {"category/scarf"}
