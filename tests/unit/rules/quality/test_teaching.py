"""What the texts of many shoppers say that the lexicon does not know."""

from rules.lexicon.load import Lexicon
from rules.quality.labelled import lines_of
from rules.quality.unread import Coverage, Languages, UnreadLines, masked_of
from rules.tagger import Tagger


def test_a_line_is_shown_once_three_shoppers_have_it(tagger: Tagger, lexicon: Lexicon):
    unread = UnreadLines()
    tagging = tagger.tag(lines_of("100% cotton\nflamingo weave"))
    for shopper in ("a", "a", "b"):
        unread.add(shopper, tagging)
    assert list(unread.most(5, {}, Languages(lexicon.languages))) == []

    unread.add("c", tagging)

    (line,) = unread.most(5, {}, Languages(lexicon.languages))
    assert (line.line, line.shoppers, line.language) == ("flamingo weave", 3, "en")


def test_it_names_the_word_that_is_nearest(tagger: Tagger, lexicon: Lexicon):
    unread = UnreadLines()
    for shopper in "abc":
        unread.add(shopper, tagger.tag(lines_of("corduroi")))

    (line,) = unread.most(5, {"corduroy": "material/corduroy"}, Languages(lexicon.languages))

    assert (line.entry, line.word) == ("material/corduroy", "corduroy")
    assert 0 < (line.distance or 0) < 0.3


def test_a_word_dropped_as_lone_is_unread(tagger: Tagger, lexicon: Lexicon):
    unread = UnreadLines()
    for shopper in "abc":
        unread.add(shopper, tagger.tag(lines_of("Blue Ridge Mountains")))

    assert [one.line for one in unread.most(5, {}, Languages(lexicon.languages))] == ["blue ridge mountains"]


def test_private_text_is_masked():
    assert masked_of("ann@example.com") == "…"
    assert not any(map(str.isdigit, masked_of("tel: +44 20 7946 0958")))
    assert masked_of("收件人: 王小明") == "…"
    assert masked_of("see www.example.org/ann") == "see …"
    assert masked_of("linen 55") == "linen 55"


def test_script_and_words_determine_the_language(lexicon: Lexicon):
    languages = Languages(lexicon.languages)
    texts = {
        "袖口设计": "zh",
        "リネン": "ja",
        "면 소재": "ko",
        "состав ткани": "ru",
        "stoff mit muster": "de",
        "soft": "en",
    }

    assert {text: languages.of(text) for text in texts} == texts


def test_coverage_counts_uploads_and_lines_by_week(tagger: Tagger, lexicon: Lexicon):
    coverage = Coverage(Languages(lexicon.languages))
    coverage.add("2026-W01", tagger.tag(lines_of("100% cotton\nflamingo weave")))
    coverage.add("2026-W01", tagger.tag(lines_of("flamingo weave")))

    assert coverage.counts["en", "2026-W01"] == [2, 1, 3, 1]
