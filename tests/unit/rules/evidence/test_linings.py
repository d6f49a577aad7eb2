"""A lining has fabrics and colours of its own, which are not the garment's."""

from collections.abc import Callable

import pytest

Ids = Callable[[str], set[str]]


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Peacoat in a felted wool blend with flap pockets. Satin lining.", "material/wool"),
        ("100% cashmere coat. Viscose lining.", "material/cashmere"),
        ("Gown in pleated georgette chiffon with a narrow belt. Mesh lining.", "material/chiffon"),
    ],
)
def test_a_lining_in_the_last_sentence_takes_only_its_own_fabric_away(ids: Ids, text: str, tag: str):
    assert tag in ids(text)
    assert not {"material/satin", "material/viscose", "material/mesh"} & ids(text)


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("Manteau en laine, doublure en soie", "material/silk"),
        ("Veste en cuir, doublure polyester", "material/polyester"),
        ("Coat in wool, lining in satin", "material/satin"),
        ("Wollmantel mit Futter aus Seide", "material/silk"),
        ("羊皮手套 纯棉内里", "material/cotton"),
        ("皮靴 内里采用羊毛", "material/wool"),
        ("Cashmere coat with silk-blend lining", "material/silk"),
        ("Straw bag. Lined in satin.", "material/satin"),
        ("Black parka with orange lining", "colour/orange"),
        ("Brown bomber jacket. Plaid flannel lining.", "pattern/plaid"),
    ],
)
def test_the_fabric_of_a_lining_gives_no_tag(ids: Ids, text: str, taken: str):
    assert taken not in ids(text)


@pytest.mark.parametrize(
    ("text", "kept", "taken"),
    [
        ("Parka in cotton lined with fleece", "material/cotton", "material/fleece"),
        ("Made of linen lined in viscose", "material/linen", "material/viscose"),
        ("Gloves in leather lined with soft cashmere and silk", "material/leather", "material/silk"),
        ("100% linen lined with\n100% viscose", "material/linen", "material/viscose"),
        ("Green coat lined with pink satin", "colour/green", "colour/pink"),
        ("Plaid shirt lined in striped cotton", "pattern/plaid", "pattern/striped"),
        ("Vest lined with fleece in a nylon shell", "material/polyamide", "material/fleece"),
        ("Cape lined with silk and long sleeves", "style/long-sleeve", "material/silk"),
        ("Wool coat fully lined with viscose", "style/lined", "material/viscose"),
        ("Blue trench coat, fully lined in soft red satin", "colour/blue", "colour/red"),
        ("Mantel aus Wolle, gefüttert mit Viskose", "material/wool", "material/viscose"),
        ("Manteau en laine, doublé en viscose", "material/wool", "material/viscose"),
        ("Veste en coton doublée de soie", "material/cotton", "material/silk"),
        ("Abrigo de lana forrado en viscosa", "material/wool", "material/viscose"),
        ("Casaco de lã forrado com seda", "material/wool", "material/silk"),
        ("Cappotto di lana foderato in viscosa", "material/wool", "material/viscose"),
        ("Wollen jas, gevoerd met viscose", "material/wool", "material/viscose"),
        ("Kappa fodrad med viskos", "category/coat", "material/viscose"),
        ("Palton din lână căptușit cu vâscoză", "material/wool", "material/viscose"),
    ],
)
def test_lined_with_is_about_what_follows_only(ids: Ids, text: str, kept: str, taken: str):
    assert kept in ids(text)
    assert taken not in ids(text)


def test_a_lined_garment_without_a_named_lining_keeps_its_fabrics(ids: Ids):
    assert {"style/lined", "material/wool", "material/silk"} <= ids("Fully lined wool coat with silk")


def test_a_fabric_before_a_lining_is_its_own_only_where_no_other_part_has_it(ids: Ids):
    assert "material/wool" in ids("大衣 面料羊毛里料聚酯纤维")
    assert "material/polyester" not in ids("大衣 面料羊毛里料聚酯纤维")
