"""What looks like a garment, a material or a size and is another thing."""

from collections.abc import Callable

import pytest

from rules.tagger import Tagging


@pytest.mark.parametrize(
    "text",
    [
        "THE VELVET UNDERGROUND",
        "BLACK SABBATH",
        "MEN IN BLACK",
        "CHICAGO WHITE SOX",
        "Banana Republic",
        "红豆男装",
        "绿帽子",
    ],
)
def test_a_name_gives_nothing(ids: Callable[[str], set[str]], text: str):
    assert ids(text) == set()


@pytest.mark.parametrize("text", ["METALLICA\nBLACK", "LINEN\nWORLD TOUR 2019", "NIRVANA\nSILVER"])
def test_a_lone_word_beside_the_name_of_a_band_gives_nothing(ids: Callable[[str], set[str]], text: str):
    assert ids(text) == set()


def test_a_label_beside_the_name_of_a_band_still_counts(ids: Callable[[str], set[str]]):
    assert "material/cotton" in ids("METALLICA\n100% COTTON")


@pytest.mark.parametrize("text", ["@red.linen.atelier", "@牛仔外套控", "www.silkshirt.com", "velvet.shop"])
def test_the_name_of_an_account_or_a_page_gives_nothing(ids: Callable[[str], set[str]], text: str):
    assert ids(text) == set()


@pytest.mark.parametrize("text", ["鹅绒被", "真丝枕套", "羊毛毯", "亚麻窗帘", "linen tablecloth", "wool blanket"])
def test_goods_that_are_no_clothes_give_no_material(ids: Callable[[str], set[str]], text: str):
    assert not {tag for tag in ids(text) if tag.startswith("material/")}


@pytest.mark.parametrize(
    ("text", "gone", "stays"),
    [
        ("Canvas boots with leather insoles", "material/leather", "category/boots"),
        ("Wool hat with a suede band", "material/suede", "category/hat"),
        ("Parka with a padded hood", "style/padded", "category/parka"),
        ("Black boots with blue LED lights", "colour/blue", "colour/black"),
        ("Linen dress with a detachable belt", "category/belt", "category/dress"),
    ],
)
def test_a_word_about_a_detail_gives_no_tag(ids: Callable[[str], set[str]], text: str, gone: str, stays: str):
    assert gone not in ids(text)
    assert stays in ids(text)


@pytest.mark.parametrize(
    ("text", "head", "gone"),
    [
        ("印花连衣裙女显瘦长裙", "category/dress", "category/skirt"),
        ("法式连衣裙 A字裙", "category/dress", "category/a-line-skirt"),
        ("收腰西装连衣裙", "category/blazer-dress", "category/suit"),
        ("高腰打底短裤", "category/shorts", "category/base-layer"),
        ("加绒卫衣裙", "category/dress", "category/sweatshirt"),
    ],
)
def test_the_head_noun_of_a_title_wins(ids: Callable[[str], set[str]], text: str, head: str, gone: str):
    assert head in ids(text)
    assert gone not in ids(text)


def test_a_skirt_beside_a_dress_in_a_set_stays(ids: Callable[[str], set[str]]):
    assert {"category/dress", "category/skirt"} <= ids("碎花连衣裙 + 半身裙")


@pytest.mark.parametrize("text", ["半身长裙", "短裙", "A字裙"])
def test_without_another_head_the_word_counts(ids: Callable[[str], set[str]], text: str):
    assert "category/skirt" in ids(text)


@pytest.mark.parametrize(
    "text",
    [
        "模特身高180cm 穿XL码",
        "Our model is 178 cm and wears size M",
        "建议体重60kg：L码",
        "モデル着用サイズ:S",
        "Рост модели 180 см, размер M",
        "规格 200*230cm",
        "Size 50 x 70 cm",
        "COTTON 100%\n60C",
        "GB 40C",
    ],
)
def test_a_size_that_is_nobodys_here_is_no_tag(ids: Callable[[str], set[str]], text: str):
    assert not {tag for tag in ids(text) if tag.startswith("size/")}


@pytest.mark.parametrize(
    ("text", "size"),
    [("EUR L", "size/l"), ("S/P", "size/s"), ("Lサイズ", "size/l"), ("Bra 75C", "size/75c"), ("US M", "size/m")],
)
def test_a_size_written_otherwise_is_read(ids: Callable[[str], set[str]], text: str, size: str):
    assert size in ids(text)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("碎花裙连衣裙女夏", {"claim/womenswear", "season/summer"}),
        ("卫衣男秋", {"claim/menswear", "season/autumn"}),
        ("春秋薄款风衣", {"season/spring", "season/autumn"}),
        ("秋冬加厚大衣", {"season/autumn", "season/winter"}),
        ("春夏衬衫", {"season/spring", "season/summer"}),
    ],
)
def test_titles_name_seasons_and_sexes_in_one_letter(ids: Callable[[str], set[str]], text: str, tags: set[str]):
    assert tags <= ids(text)


@pytest.mark.parametrize("text", ["女", "MEN", "春", "Women", "春秋战国"])
def test_a_single_such_letter_gives_no_tag(ids: Callable[[str], set[str]], text: str):
    assert ids(text) == set()


def test_each_quality_grade_has_an_id_of_its_own(ids: Callable[[str], set[str]]):
    assert ids("等级：优等品") == {"claim/top-grade", "claim/authentic"}
    assert ids("等级：一等品") == {"claim/first-grade", "claim/authentic"}
    assert ids("等级：合格品") == {"claim/passed-inspection", "claim/authentic"}


def test_a_tag_over_a_line_break_shows_both_lines(tagged: Callable[[str], Tagging]):
    (tag,) = [tag for tag in tagged("WIDE-\nLEG PANTS").tags if tag.id == "category/wide-leg-pants"]

    assert [(one.text, one.line) for one in tag.evidence] == [("WIDE-", 0), ("LEG PANTS", 1)]
