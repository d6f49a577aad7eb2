"""Words about details, companions, comparisons and other goods, which are not about the garment."""

from collections.abc import Callable

import pytest

Ids = Callable[[str], set[str]]


@pytest.mark.parametrize(
    ("text", "kept", "taken"),
    [
        ("Trousers in cotton twill with ribbed hems", "material/twill", "material/rib-knit"),
        ("Hooded jacket in fleece with leather zip pulls", "material/fleece", "material/leather"),
        ("Canvas bag with suede handles", "material/canvas", "material/suede"),
        ("Suede jacket with buttons", "material/suede", "material/leather"),
        ("Court shoes in suede with slim heels", "material/suede", "style/slim"),
        ("莫代尔内裤 纯棉裆", "material/modal", "material/cotton"),
        ("Corduroy trousers with a leather belt", "material/corduroy", "material/leather"),
        ("Grey cardigan with white horn buttons", "colour/grey", "colour/white"),
        ("Beige clogs with yellow stitching", "colour/beige", "colour/yellow"),
        ("Denim skirt with a velvet waistband", "material/denim", "material/velvet"),
        ("Nylon windbreaker with a soft fleece inside", "material/polyamide", "material/fleece"),
        ("Suede boots with a silk pull loop", "material/suede", "material/silk"),
        ("Suede sneakers tied with laces", "material/suede", "material/lace"),
        ("灰色帆布鞋白色鞋带", "colour/grey", "colour/white"),
        ("蓝色衬衫红色车线", "colour/blue", "colour/red"),
        ("Bottes en daim, semelle en cuir", "material/suede", "material/leather"),
        ("Sac en toile avec anses en cuir", "material/canvas", "material/leather"),
        ("Velvet coat with buttons of leather", "material/velvet", "material/leather"),
        ("Satin slippers. Linings and insoles in a cotton weave.", "material/satin", "material/cotton"),
        ("Nylon jacket with a ribbed collar", "material/polyamide", "material/rib-knit"),
    ],
)
def test_a_detail_is_not_the_garment(ids: Ids, text: str, kept: str, taken: str):
    assert kept in ids(text)
    assert taken not in ids(text)


@pytest.mark.parametrize(
    ("text", "tags", "taken"),
    [
        ("Red zipper parka", {"colour/red"}, ""),
        ("Beige ankle strap sandals", {"colour/beige"}, ""),
        ("Brown tab waist skirt", {"colour/brown"}, ""),
        ("Leopard band cap", {"pattern/leopard"}, ""),
        ("Wool button cardigan", {"material/wool"}, ""),
        ("绿色logo印花卫衣", {"colour/green"}, ""),
        ("粉色纽扣开衫", {"colour/pink"}, ""),
        ("Grey zip hoodie, white logo cotton T-shirt", {"colour/grey", "colour/white"}, ""),
        ("Grey and white logo sweater", {"colour/grey", "colour/white"}, ""),
        ("Navy red buckle coat", {"colour/navy"}, "colour/red"),
        ("Red strap black sandals", {"colour/black"}, "colour/red"),
        ("Suede strap sandals", set(), "material/suede"),
        ("Yellow stitching boots", set(), "colour/yellow"),
        ("Brown coat with red zip, hat", {"colour/brown"}, "colour/red"),
        ("红色鞋带白色帆布鞋", {"colour/white"}, "colour/red"),
    ],
)
def test_a_detail_in_the_name_of_a_garment_takes_no_colour_from_it(ids: Ids, text: str, tags: set[str], taken: str):
    assert tags <= ids(text)
    assert taken not in ids(text)


@pytest.mark.parametrize(
    ("text", "kept", "taken"),
    [
        ("Linen blouse with matching shorts", "category/blouse", "category/shorts"),
        ("Velvet blazer, styled with jeans", "category/blazer", "category/jeans"),
        ("条纹衬衫 可搭配牛仔裤", "category/shirt", "category/jeans"),
        ("羊毛开衫搭配半身裙和乐福鞋", "category/cardigan", "category/loafers"),
        ("Green blouse, goes well with grey pleated trousers", "category/blouse", "category/pants"),
        ("Green blouse. Pairs well with denim shorts and sneakers.", "category/blouse", "category/shorts"),
        ("Blusa verde, combina bien con pantalones vaqueros", "category/blouse", "category/jeans"),
        ("Camicetta verde, si abbina perfettamente a una gonna a pieghe", "colour/green", "category/skirt"),
        ("Groene blouse, combineer met een spijkerbroek", "category/blouse", "category/jeans"),
        ("Зелёная блузка, отлично сочетается с джинсами", "category/blouse", "category/jeans"),
        ("Green blouse, goes well with grey pleated trousers", "colour/green", "colour/grey"),
        ("米色针织衫 搭配棕色皮带", "colour/beige", "colour/brown"),
        ("Blaue Bluse, passt perfekt zu weißen Jeans", "category/blouse", "category/jeans"),
        ("Chemisier bleu, se porte avec un jean", "category/blouse", "category/jeans"),
    ],
)
def test_a_garment_worn_with_it_gives_no_tag(ids: Ids, text: str, kept: str, taken: str):
    assert kept in ids(text)
    assert taken not in ids(text)


@pytest.mark.parametrize(
    ("text", "kept", "taken"),
    [
        ("Bluse aus Viskose, zart wie Seide", "material/viscose", "material/silk"),
        ("Pull en acrylique, doux comme du cachemire", "material/acrylic", "material/cashmere"),
        ("Cotton shirt, as light as linen", "material/cotton", "material/linen"),
        ("Black jacket in imitation black leather", "colour/black", "material/leather"),
        ("Hemd aus Leinen, glatt wie reine Seide", "material/linen", "material/silk"),
        ("Vestido de viscosa, suave como la seda", "material/viscose", "material/silk"),
        ("Camisa ligera como el lino, de algodón", "material/cotton", "material/linen"),
        ("Gilet en polyester, chaud comme la laine", "material/polyester", "material/wool"),
        ("Viscose leggings, as silky as real satin", "material/viscose", "material/satin"),
    ],
)
def test_a_fabric_in_a_comparison_gives_no_tag(ids: Ids, text: str, kept: str, taken: str):
    assert kept in ids(text)
    assert taken not in ids(text)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("Hochwertige Stoffe wie Seide und Wolle", {"material/silk", "material/wool"}),
        ("Kleider aus Fasern wie Leinen oder Viskose", {"material/linen", "material/viscose"}),
        ("Tejidos finos como el lino y la seda", {"material/linen", "material/silk"}),
        ("Materiales nobles como lana y algodón", {"material/wool", "material/cotton"}),
        ("Matières douces comme le cachemire et le coton", {"material/cashmere", "material/cotton"}),
        ("Tissus légers comme soie ou lin", {"material/silk", "material/linen"}),
    ],
)
def test_fabrics_named_as_examples_count(ids: Ids, text: str, tags: set[str]):
    assert tags <= ids(text)


@pytest.mark.parametrize(
    "text",
    [
        "保湿护肤四件套装",
        "Velvet bedsheet set with pillow covers",
        "丝绸质感 5G手机",
        "羊毛大衣 丝绸收纳袋",
        "Earrings in a velvet gift box",
        "儿童玩具毛绒小狗",
    ],
)
def test_cosmetics_toys_and_packaging_are_no_clothes(ids: Ids, text: str):
    assert not {"category/outfit-set", "material/silk", "material/velvet", "material/plush"} & ids(text)


@pytest.mark.parametrize(
    "text",
    [
        "Handtuch aus Baumwolle",
        "Toalla de algodón",
        "Lenzuola di lino",
        "Ręcznik bawełniany",
        "Prosop din bumbac",
        "Полотенце из хлопка",
        "綿のタオル",
    ],
)
def test_household_linen_in_other_languages_is_no_garment(ids: Ids, text: str):
    assert not ids(text)


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("Abito a fiori. Cintura non inclusa", "category/belt"),
        ("Платье в горошек, ремень в комплект не входит", "category/belt"),
        ("Spódnica w kratę, pasek skórzany nie wchodzi w skład zestawu", "category/belt"),
        ("Silk dress, necklace sold separately", "category/necklace"),
        ("碎花连衣裙 帽子另购", "category/hat"),
    ],
)
def test_what_the_buyer_does_not_get_gives_nothing(ids: Ids, text: str, taken: str):
    assert taken not in ids(text)
    assert any(tag.startswith("pattern/") or tag == "material/silk" for tag in ids(text))
