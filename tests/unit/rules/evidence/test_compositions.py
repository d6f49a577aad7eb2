"""Care labels: which percentage belongs to which fibre, and to which part of the garment."""

from collections.abc import Callable

import pytest

from rules.tagger import Tagging
from schemas.events import TextLine


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("面料: 棉65% 聚酯纤维35%", {"cotton": 65, "polyester": 35}),
        ("65% POLYESTER 35% COTTON", {"polyester": 65, "cotton": 35}),
        ("COTTON 95% ELASTANE 5%", {"cotton": 95, "elastane": 5}),
        ("棉 52,3% 聚酯纤维 47.7%", {"cotton": 52.3, "polyester": 47.7}),
        ("%65 PAMUK %35 POLYESTER", {"cotton": 65, "polyester": 35}),
        ("100%\nCOTTON", {"cotton": 100}),
        ("COTTON\n100%", {"cotton": 100}),
        ("65% COTTON 35%\nPOLYESTER", {"cotton": 65, "polyester": 35}),
        ("65%\nCOTTON\n35%\nPOLYESTER", {"cotton": 65, "polyester": 35}),
        ("棉\n65%\n聚酯纤维\n35%", {"cotton": 65, "polyester": 35}),
        ("棉\n聚酯纤维\n65%\n35%", {"cotton": 65, "polyester": 35}),
        ("棉 聚酯纤维\n65% 35%", {"cotton": 65, "polyester": 35}),
        ("cotton/polyester 65%/35%", {"cotton": 65, "polyester": 35}),
        ("60% COTTON/COTON/BAUMWOLLE\n40% POLYESTER/POLIESTERE", {"cotton": 60, "polyester": 40}),
        ("70% cotton 30% recycled cotton", {"cotton": 100, "recycled-cotton": 30}),
        ("1OO% COTTON", {"cotton": 100}),
        ("百分之百棉", {"cotton": 100}),
        ("含棉量70%", {"cotton": 70}),
        ("棉65%", {"cotton": 65}),
    ],
)
def test_each_fibre_gets_its_share(shares: Callable[[str], dict[str, float]], label: str, expected: dict[str, float]):
    assert shares(label) == expected


@pytest.mark.parametrize(
    ("label", "main"),
    [
        ("面料: 羊毛100%\n里料: 聚酯纤维100%", {"wool"}),
        ("SHELL: 100% WOOL LINING: 100% POLYESTER", {"wool"}),
        ("Oberstoff: 100% Wolle\nFutter: 100% Polyester", {"wool"}),
        ("里料: 聚酯纤维100%\n面料: 羊毛100%", {"wool"}),
        ("表地 毛100%\n裏地 ポリエステル100%", {"wool"}),
        ("面料\n羊毛100%\n里料\n聚酯纤维100%", {"wool"}),
        ("大身: 羊毛100% 罗纹: 锦纶95% 氨纶5%", {"wool"}),
    ],
)
def test_only_the_main_part_makes_the_garments_material(
    shares: Callable[[str], dict[str, float]], ids: Callable[[str], set[str]], label: str, main: set[str]
):
    assert set(shares(label)) == main
    assert {tag for tag in ids(label) if tag.startswith("material/")} == {f"material/{value}" for value in main}


def test_a_lining_without_a_shell_gives_no_material(
    ids: Callable[[str], set[str]], reasons: Callable[[str], dict[str, str]]
):
    assert ids("里料: 聚酯纤维100%") == set()
    assert reasons("里料: 聚酯纤维100%") == {"material/polyester": "only the lining"}


def test_a_mesh_lining_makes_no_mesh(ids: Callable[[str], set[str]]):
    assert "material/mesh" not in ids("Outer shell: 100% nylon\nMesh lining: 100% polyester")


def test_down_counts_as_a_filling_without_a_share(
    ids: Callable[[str], set[str]], shares: Callable[[str], dict[str, float]]
):
    label = "面料: 锦纶100%\n填充物: 白鸭绒90% 羽毛10%"

    assert {"material/down", "material/feather"} <= ids(label)
    assert shares(label) == {"polyamide": 100}


def test_a_part_named_rows_before_does_not_reach_a_title(ids: Callable[[str], set[str]]):
    assert "material/denim" in ids("里料: 聚酯纤维100%\n牛仔外套")


def test_a_second_composition_without_part_names_has_no_shares(
    ids: Callable[[str], set[str]], shares: Callable[[str], dict[str, float]]
):
    label = "100% COTTON\n100% POLYESTER"

    assert {"material/cotton", "material/polyester"} <= ids(label)
    assert shares(label) == {"cotton": 100}


def test_shares_that_add_up_to_more_than_a_whole_are_not_trusted(
    ids: Callable[[str], set[str]], shares: Callable[[str], dict[str, float]]
):
    assert {"material/cotton", "material/polyester"} <= ids("棉85% 聚酯纤维35%")
    assert shares("棉85% 聚酯纤维35%") == {}


def test_nought_percent_takes_the_fibre_away_everywhere_where_the_rest_is_whole(
    ids: Callable[[str], set[str]], reasons: Callable[[str], dict[str, str]]
):
    assert "material/wool" not in ids("羊毛大衣\n100% 涤纶 0% 羊毛")
    assert reasons("0% cotton") == {"material/cotton": "the label says 0 %"}


def test_a_number_above_a_hundred_is_no_percentage(shares: Callable[[str], dict[str, float]]):
    assert shares("650%棉") == {}


@pytest.mark.parametrize("text", ["50% OFF cotton tees", "save 20% on cotton", "低至3折 棉质T恤", "cotton 30% off"])
def test_a_discount_is_no_share(shares: Callable[[str], dict[str, float]], ids: Callable[[str], set[str]], text: str):
    assert shares(text) == {}
    assert "material/cotton" in ids(text)


def test_a_pure_fibre_is_claimed_by_its_composition_too(ids: Callable[[str], set[str]]):
    assert "claim/pure-cotton" in ids("100% cotton")
    assert "claim/pure-cotton" in ids("面料: 棉99.6%")


def test_a_blend_takes_the_claim_of_purity_away(
    ids: Callable[[str], set[str]], reasons: Callable[[str], dict[str, str]]
):
    assert "claim/pure-cotton" not in ids("纯棉T恤\n棉65% 聚酯纤维35%")
    assert reasons("纯棉T恤\n棉65% 聚酯纤维35%") == {"claim/pure-cotton": "the composition says it is a blend"}


def test_boxes_side_by_side_are_one_row(tagger, place: Callable[..., TextLine]):
    lines = [
        place("COTTON", 0, 0, 80),
        place("65%", 140, 2, 40),
        place("POLYESTER", 0, 30, 80),
        place("35%", 140, 31, 40),
    ]

    assert {tag.value: tag.share for tag in tagger.tag(lines).tags} == {"cotton": 65, "polyester": 35}


def test_labels_far_apart_are_read_apart(tagger, place: Callable[..., TextLine]):
    """The percentage of one label does not go to the fibre of another."""
    tags = tagger.tag([place("100%", 0, 0, 60), place("COTTON", 900, 900, 80)]).tags

    assert [(tag.value, tag.share) for tag in tags] == [("cotton", None)]


def test_a_promotion_word_on_the_next_line_makes_no_discount(shares: Callable[[str], dict[str, float]]):
    assert shares("面料: 棉95% 氨纶5%\n零售价 299") == {"cotton": 95, "elastane": 5}


def test_a_line_in_either_order_is_read_by_its_own(tagger, place: Callable[..., TextLine]):
    """Two lines on one level, one writing the fibre first and one the percentage."""
    lines = [place("羊毛70% 桑蚕丝30%", 0, 0, 200), place("70% WOOL 30% SILK", 210, 4, 200)]

    assert {tag.value: tag.share for tag in tagger.tag(lines).tags} == {"wool": 70, "silk": 30}


def test_country_codes_are_no_fibre_codes(shares: Callable[[str], dict[str, float]], ids: Callable[[str], set[str]]):
    label = "GB 55% linen 45% cotton\nPL 55% len 45% bawełna\nSE 55% lin 45% bomull"

    assert shares(label) == {"linen": 55, "cotton": 45}
    assert {tag for tag in ids(label) if tag.startswith("material/")} == {"material/linen", "material/cotton"}


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("70%羊毛，30%桑蚕丝", {"wool": 70, "silk": 30}),
        ("锦纶,85%;氨纶,15%", {"polyamide": 85, "elastane": 15}),
        ("52,5%棉,47,5%涤纶", {"cotton": 52.5, "polyester": 47.5}),
        ("100%麻,0%棉", {"linen": 100}),
    ],
)
def test_a_comma_between_two_shares_is_no_decimal_comma(
    shares: Callable[[str], dict[str, float]], label: str, expected: dict[str, float]
):
    assert shares(label) == expected


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Corduroy: 97% cotton 3% elastane", {"cotton": 97, "elastane": 3}),
        ("网纱：80%锦纶 20%氨纶", {"polyamide": 80, "elastane": 20}),
        ("polyester 88% spandex 12% mesh", {"polyester": 88, "elastane": 12}),
        ("100% velvet", {"velvet": 100}),
    ],
)
def test_a_fabric_takes_a_share_only_where_no_fibre_does(
    shares: Callable[[str], dict[str, float]], label: str, expected: dict[str, float]
):
    assert shares(label) == expected


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("wool 80% silk 20% viscose 55% linen 45%", {"wool": 80, "silk": 20}),
        ("亚麻100% 涤纶100%", {"linen": 100}),
        ("身布 棉100% 领子部分 涤纶90% 氨纶10%", {"cotton": 100}),
        ("99% polyester 1% elastane", {"polyester": 99, "elastane": 1}),
        ("58% cotton, 27% polyester, 15% cotton", {"cotton": 73, "polyester": 27}),
    ],
)
def test_the_first_whole_is_the_garments(
    shares: Callable[[str], dict[str, float]], label: str, expected: dict[str, float]
):
    assert shares(label) == expected


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("袖口罗纹拼接｜材质：亚麻55% 棉45%", {"linen": 55, "cotton": 45}),
        ("Ribbed cuffs | 80% wool 20% nylon", {"wool": 80, "polyamide": 20}),
        ("Decoration on the pocket | 100% linen", {"linen": 100}),
        ("No lining | 100% silk", {"silk": 100}),
        ("Collar: ribbed\n100% silk", {"silk": 100}),
        ("里料 网布 涤纶100%\n成分：羊毛100%", {"wool": 100}),
    ],
)
def test_a_parts_name_in_talk_opens_no_part(
    shares: Callable[[str], dict[str, float]], label: str, expected: dict[str, float]
):
    assert shares(label) == expected


@pytest.mark.parametrize(
    "label",
    [
        "100% viscose (lining)",
        "Polyester 100% doublure",
        "Подкладка: 100% полиэстер",
        "Foder 100% polyester",
        "衬裙：聚酯纤维100%",
        "领子 涤纶100%",
        "里料成分：聚酯纤维100%",
        "Lining material: 100% polyester",
        "Lining: satin (100% polyester)",
    ],
)
def test_a_part_beside_its_figures_keeps_them(shares: Callable[[str], dict[str, float]], label: str):
    assert shares(label) == {}


def test_a_part_named_below_its_figures_keeps_them(
    ids: Callable[[str], set[str]], shares: Callable[[str], dict[str, float]]
):
    label = "Main fabric\n70% wool\n30% polyamide\n100% viscose\nLining\nMade in Portugal"

    assert shares(label) == {"wool": 70, "polyamide": 30}
    assert "material/viscose" not in ids(label)


def test_shares_that_leave_a_gap_are_unsure(tagged: Callable[[str], Tagging]):
    tags = {tag.value: tag for tag in tagged("65% cotton").tags}

    assert (tags["cotton"].share, tags["cotton"].share_unsure) == (65, True)
    assert not any(tag.share_unsure for tag in tagged("65% cotton 35% linen").tags)
    assert all(tag.share_unsure for tag in tagged("66% cotton 35% linen").tags)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Twill, polyester/cotton 65/35", {"polyester": 65, "cotton": 35}),
        ("Fabric: cotton / nylon 70/30%", {"cotton": 70, "polyamide": 30}),
        ("80/20 wool nylon blend", {"wool": 80, "polyamide": 20}),
        (
            "viscose/polyester/elastane 70/25/5",
            {"viscose": 70, "polyester": 25, "elastane": 5},
        ),
        ("羊毛/锦纶 80/20", {"wool": 80, "polyamide": 20}),
    ],
)
def test_a_ratio_that_adds_up_to_a_hundred_gives_shares(
    shares: Callable[[str], dict[str, float]], label: str, expected: dict[str, float]
):
    assert shares(label) == expected


@pytest.mark.parametrize(
    "label", ["Cotton shirt, 10/2026, polyester", "cotton polyester 170/92A", "cotton/polyester 60/30"]
)
def test_other_numbers_with_a_slash_are_no_ratio(shares: Callable[[str], dict[str, float]], label: str):
    assert shares(label) == {}


def test_unknown_words_are_allowed_between_shares_only_where_the_total_fits(shares: Callable[[str], dict[str, float]]):
    assert shares("60% superfine highland merino 40% acrylic") == {"merino": 60, "wool": 60, "acrylic": 40}
    assert shares("30% more warmth from wool") == {}


def test_numbered_fabrics_have_no_share_of_the_whole_garment(tagged: Callable[[str], Tagging]):
    tags = {tag.id: tag for tag in tagged("Fabric 1: 100% silk. Fabric 2: 100% linen").tags}

    assert tags["material/silk"].share_unsure
    assert not {tag.id: tag for tag in tagged("Fabric: 100% silk").tags}["material/silk"].share_unsure
