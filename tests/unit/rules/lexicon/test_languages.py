"""What labels and titles in other languages than Chinese and English give."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rules.lexicon.load import Lexicon, load_lexicon
from rules.lexicon.problems import LexiconError

#: The languages that most labels sold in Europe, Japan, Korea and Taiwan carry.
COVERED = {
    "cs", "da", "de", "el", "es", "fi", "fr", "hr", "hu", "it", "ja", "ko", "nl", "pl", "pt", "ro", "ru", "sv", "tr",
    "uk", "zh-Hant",
}  # fmt: skip


def test_every_language_has_fibres_garments_and_parts(lexicon: Lexicon):
    languages = {one.language: one for one in lexicon.languages}

    # English is in the entries; its file only tells English pages from others.
    assert set(languages) == COVERED | {"en"}
    for one in map(languages.__getitem__, COVERED):
        fibres = {tag for tag in {**one.words, **one.beside_percent} if tag.startswith("material/")}
        assert len(fibres) >= 7, one.language
        assert sum(tag.startswith("category/") for tag in one.words) >= 9, one.language
        assert {"main part", "lining", "filling", "trim"} <= set(one.parts), one.language


@pytest.mark.parametrize(
    ("label", "tags"),
    [
        ("Podšívka: 100% polyester\nVrchní materiál: 60% vlna 40% akryl", {"material/wool", "material/acrylic"}),
        ("Päällinen: 70% villaa 30% polyamidia\nVuori: 100% polyesteri", {"material/wool", "material/polyamide"}),
        ("Верх: 55% лен 45% хлопок\nПодкладка: 100% вискоза", {"material/linen", "material/cotton"}),
        ("Ana kumaş: %80 yün %20 akrilik\nAstar: %100 polyester", {"material/wool", "material/acrylic"}),
        ("Vanjski materijal: 100% vuna\nPodstava: 100% viskoza", {"material/wool"}),
        ("Κύριο ύφασμα: 100% μαλλί\nΦόδρα: 100% βισκόζη", {"material/wool"}),
        ("겉감: 울 80% 나일론 20%\n안감: 폴리에스터 100%", {"material/wool", "material/polyamide"}),
    ],
)
def test_the_main_part_gives_tags_and_the_lining_none(ids: Callable[[str], set[str]], label: str, tags: set[str]):
    assert {tag for tag in ids(label) if tag.startswith("material/")} == tags


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Bleichen nicht erlaubt", "care/do-not-bleach"),
        ("nicht im Trommeltrockner", "care/do-not-tumble-dry"),
        ("Nie prasować", "care/do-not-iron"),
        ("Ne pas sécher en tambour", "care/do-not-tumble-dry"),
        ("タンブル乾燥はお避けください", "care/do-not-tumble-dry"),
        ("드라이클리닝 하지 마십시오", "care/do-not-dry-clean"),
        ("Не отбеливать", "care/do-not-bleach"),
        ("Ütülemeyiniz", "care/do-not-iron"),
        ("Tål ej blekning", "care/do-not-bleach"),
        ("Nem vasalható", "care/do-not-iron"),
    ],
)
def test_prohibitions_are_read_in_many_languages(ids: Callable[[str], set[str]], text: str, tag: str):
    assert ids(text) == {tag}


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("Wollröcke", {"material/wool", "category/skirt"}),
        ("Langarmblusen", {"style/long-sleeve", "category/blouse"}),
        ("Maxikleider", {"category/maxi-dress", "category/dress"}),
        ("Leinenhosen", {"material/linen", "category/pants"}),
        ("Seidenblusen", {"material/silk", "category/blouse"}),
        ("Satinkleider", {"material/satin", "category/dress"}),
        ("Lederimitatjacken", {"material/faux-leather", "category/jacket"}),
        ("Sommerkleid", {"season/summer", "category/dress"}),
        ("Uldfrakke", {"material/wool", "category/coat"}),
        ("Gyapjúkabát", {"material/wool", "category/coat"}),
    ],
)
def test_compounds_are_cut_in_two(ids: Callable[[str], set[str]], text: str, tags: set[str]):
    assert tags <= ids(text)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Robe plissée en laine", "category/dress"),
        ("Velvet robe with belt", "category/robe"),
        ("Weiter Rock aus Wolle", "category/skirt"),
        ("Schmale Hose mit Bund", "category/pants"),
        ("Sorte støvler", "colour/black"),
        ("Jersey de cuello alto para mujer", "category/sweater"),
        ("Pantaloni a vita bassa", "style/low-waist"),
        ("Cintura da uomo", "category/belt"),
        ("Falda con cintura elástica", "style/elastic-waist"),
    ],
)
def test_a_word_has_the_meaning_of_the_language_of_its_text(ids: Callable[[str], set[str]], text: str, tag: str):
    assert tag in ids(text)


@pytest.mark.parametrize(
    "text",
    [
        "LET'S ROCK TONIGHT",
        "garden hose 20 m",
        "Mayo & Ketchup",
        "BARN DANCE 1994",
        "Sort by price",
        "vita contemplativa",
        "Split the bill",
        "our host Bruin",
        "La taglia e la misura",
        "A durable and extensible design",
    ],
)
def test_a_word_of_another_language_gives_nothing(ids: Callable[[str], set[str]], text: str):
    assert ids(text) == set()


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("Wijde spijkerbroek", {"category/jeans", "style/wide-leg"}),
        ("Rutig herrskjorta i flanell", {"pattern/checked", "claim/menswear", "category/shirt", "material/flannel"}),
        ("Prikket sommerkjole med pufærmer", {"pattern/dots", "category/dress", "style/puff-sleeve"}),
        ("Bordová zavinovací sukně se zipem", {"category/skirt", "style/wrap"}),
        ("Fioletowa koszula z falbaną", {"colour/purple", "category/shirt", "style/ruffle"}),
        ("Karcsúsított barna zakó", {"style/slim", "colour/brown", "category/blazer"}),
        ("Vișinie, cu volane", {"colour/burgundy", "style/ruffle"}),
        ("Клетчатая рубашка на пуговицах", {"pattern/checked", "category/shirt", "style/buttoned"}),
        ("Ekru balon kollu bluz", {"colour/off-white", "style/puff-sleeve", "category/blouse"}),
        ("Bermudas con lunares y lazada", {"category/bermuda-shorts", "pattern/dots", "style/bow"}),
        ("Giacca doppiopetto in velluto a coste", {"style/double-breasted", "material/corduroy"}),
        ("Cardigan torsadé bordeaux", {"material/cable-knit", "colour/burgundy", "category/cardigan"}),
        ("Calça de ganga desportiva", {"material/denim", "category/pants", "style/sporty"}),
        ("Figurbetontes Kleid mit Hahnentritt", {"style/slim", "category/dress", "pattern/houndstooth"}),
        ("千鳥格子のスタンドカラーコート", {"pattern/houndstooth", "style/mandarin-collar", "category/coat"}),
        ("Geringelter Badeanzug", {"pattern/striped", "category/swimsuit"}),
        ("Płaszcz w kolorze karmelowym", {"category/coat", "colour/camel-colour"}),
        ("머스타드 코듀로이 스커트", {"colour/mustard", "material/corduroy", "category/skirt"}),
    ],
)
def test_fits_details_and_colours_are_read_in_many_languages(ids: Callable[[str], set[str]], text: str, tags: set[str]):
    assert tags <= ids(text)


def test_a_shop_may_add_a_language_of_its_own(tmp_path: Path):
    (tmp_path / "sk.toml").write_text('language = "sk"\n[words]\n"category/skirt" = ["sukňa"]\n', encoding="utf-8")

    assert "sukňa" in load_lexicon(tmp_path).entries["category/skirt"].words


def test_a_language_with_words_for_an_unknown_tag_is_refused(tmp_path: Path):
    (tmp_path / "sk.toml").write_text('language = "sk"\n[words]\n"category/skrit" = ["sukňa"]\n', encoding="utf-8")

    with pytest.raises(LexiconError, match="no file defines 'category/skrit'"):
        load_lexicon(tmp_path)
