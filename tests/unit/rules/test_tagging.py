"""Lines in, tags out: scores, evidence, and any lines that a reader may return."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.lexicon.load import load_lexicon
from rules.quality.labelled import lines_of
from rules.tagger import LEAST_SCORE, Tagger, Tagging
from schemas.events import Tag, TextLine

TAGGER = Tagger(load_lexicon())

#: Words that mean something, and some that do not, to be thrown together.
_PIECES = (
    "纯棉 T恤 不含 羊毛 棉 65% 35% 100% 0% 聚酯纤维 里料 面料 : cotton no silk free like 仿 50% off blue 连衣 裙 M "
    "XL 尺码 175/92A "
    "C0TT0N wide leg pants - and , 。 a ridge 皮肤 Ｖ領 👗 \u202e \ud800 \x00 木 棉花糖 hello 100%cotton"
)
PIECES = st.sampled_from(_PIECES.split(" "))
boxes = st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(0, 200), st.integers(0, 40)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)
texts = st.one_of(
    st.lists(PIECES, max_size=6).map(" ".join), st.lists(PIECES, max_size=6).map("".join), st.text(max_size=20)
)


def line(text: str, bbox: tuple[int, int, int, int], score: float) -> TextLine:
    # Lone surrogates come from no decoder, but must do no harm: so without validation.
    return TextLine.model_construct(text=text, bbox=bbox, score=score)


some_lines = st.lists(st.builds(line, texts, boxes, st.floats(0, 1)), max_size=8)


def ids(tagging: Tagging) -> set[str]:
    return {tag.id for tag in tagging.tags}


def apart_from_places(tagging: Tagging, lines: list[TextLine]) -> list[Tag]:
    """The tags without the numbers of their lines, which were seen to be right."""
    assert all(
        (lines[one.line].text, lines[one.line].bbox) == (one.text, one.bbox)
        for tag in tagging.tags
        for one in tag.evidence
    )
    return [
        tag.model_copy(update={"evidence": tuple(one.model_copy(update={"line": None}) for one in tag.evidence)})
        for tag in tagging.tags
    ]


def encodable(lines: list[TextLine]) -> list[TextLine]:
    """Lines as a decoder hands them over: evidence quotes them, and events refuse lone surrogates."""
    return [one for one in lines if not any("\ud800" <= letter <= "\udfff" for letter in one.text)]


def test_tags_come_sorted_and_named_in_both_languages(tagged: Callable[[str], Tagging]):
    tags = tagged("纯棉T恤 V领").tags

    assert [tag.id for tag in tags] == ["category/t-shirt", "claim/pure-cotton", "material/cotton", "style/v-neck"]
    assert (tags[0].labels.en, tags[0].labels.zh) == ("T-shirt", "T恤")
    assert (tags[0].category, tags[0].value) == ("category", "t-shirt")


def test_every_tag_says_why(place: Callable[..., TextLine]):
    tag, *_ = TAGGER.tag([place("面料: 棉65%", 10, 20)]).tags

    assert (tag.evidence[0].text, tag.evidence[0].bbox) == ("面料: 棉65%", (10, 20, 210, 40))
    assert tag.evidence[0].rule == "material/cotton#composition"


def test_evidence_names_its_line_among_all_that_were_recognized(place: Callable[..., TextLine]):
    lines = [place("unreadable", top=900, score=0.1), place("denim", top=300), place("DENIM"), place("denim", top=300)]
    (tag,) = TAGGER.tag(lines).tags

    assert sorted(evidence.line for evidence in tag.evidence) == [1, 2, 3]
    assert all(lines[evidence.line].text == evidence.text for evidence in tag.evidence)


def test_a_tag_brings_its_parents_with_its_evidence(tagged: Callable[[str], Tagging]):
    tags = {tag.id: tag for tag in tagged("100% organic cotton").tags}

    assert {"material/organic-cotton", "material/cotton", "claim/organic"} <= set(tags)
    assert tags["material/cotton"].share == 100
    assert tags["claim/organic"].evidence[0].rule == "material/organic-cotton#composition"


def test_the_best_evidence_makes_the_score(place: Callable[..., TextLine]):
    tags = TAGGER.tag([place("denim", score=0.7), place("denim", top=300, score=0.9)]).tags

    assert [(tag.id, tag.score) for tag in tags] == [("material/denim", round(0.95 * 0.9, 4))]
    assert len(tags[0].evidence) == 2


def test_a_composition_is_worth_more_than_a_word(tagged: Callable[[str], Tagging]):
    assert tagged("65% cotton").tags[0].score == 1.0
    assert tagged("cotton").tags[0].score == 0.95


def test_badly_read_lines_give_nothing(place: Callable[..., TextLine]):
    assert TAGGER.tag([place("纯棉T恤", score=LEAST_SCORE - 0.01)]).tags == ()
    assert TAGGER.tag([place("纯棉T恤", score=LEAST_SCORE)]).tags != ()


def test_the_tagging_lists_what_it_dropped(tagged: Callable[[str], Tagging]):
    tagging = tagged("不含棉 50% off")

    assert {(finding.tag, finding.reason) for finding in tagging.suppressed} == {
        ("material/cotton", "negated: without"),
        ("promotion/discount", "never a tag"),
    }


def test_neither_reprs_nor_findings_show_what_a_shopper_photographed(tagged: Callable[[str], Tagging]):
    tagging = tagged("secret words 纯棉T恤 不含羊毛")

    assert "secret" not in repr(tagging)
    assert "羊毛" not in repr(tagging.suppressed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n",
        "\x00\x01\x02",
        "👗👚🩳",
        "فستان قطن",
        "\u202etsop",
        "\ufeff",
        "%",
        "%%%%",
        "100%",
        ":::",
        "-",
        "ﷺ" * 50,
        "\U0010ffff",
    ],
)
def test_odd_text_gives_no_tag_and_does_no_harm(text: str):
    assert TAGGER.tag([line(text, (0, 0, 100, 20), 0.9)]).tags == ()


def test_no_lines_give_no_tags():
    assert TAGGER.tag([]).tags == ()


def test_lone_surrogates_do_no_harm():
    assert TAGGER.tag([line("\ud800\udfff", (0, 0, 100, 20), 0.9)]).tags == ()
    assert ids(TAGGER.tag([line("\ud800 denim \udfff", (0, 0, 200, 20), 0.9)])) == {"material/denim"}


@pytest.mark.parametrize("blank", [" ", "\u3000", "¨", "\u00ad"])
def test_a_word_cut_off_before_a_line_of_nothing_does_no_harm(place: Callable[..., TextLine], blank: str):
    lines = (place("100% silk and cot-"), place(blank, top=30), place("100% cotton", top=90))
    tagging = Tagger(load_lexicon(None)).tag(lines)
    assert "material/cotton" in {one.id for one in tagging.tags}


def test_a_line_break_within_a_line_is_a_space():
    assert ids(TAGGER.tag([line("trench\ncoat", (0, 0, 100, 20), 0.9)])) == {"category/trench-coat"}


@pytest.mark.parametrize(
    "unit", ["cotton ", "棉65% ", "不含棉", "a", "100%", "纯 棉 ", "x1 ", "dress ", "EU 38 z ", "no "]
)
def test_the_time_grows_no_faster_than_the_text(unit: str):
    """Ten times the text must not take a hundred times as long; the slack is for other programs on the machine."""

    def seconds(size: int) -> float:
        start = time.process_time()
        TAGGER.tag([line(unit * (size // len(unit)), (0, 0, 100, 20), 0.9)])
        return time.process_time() - start

    # The best of some: a round in which memory is collected takes several times as long.
    best = {size: min(seconds(size) for _ in range(4)) for size in (8_000, 80_000)}
    assert best[80_000] < 40 * best[8_000] + 0.2


def test_a_megabyte_of_text_is_read():
    text = "面料: 棉65% 聚酯纤维35% no wool, wide leg pants 尺码 M " * 20_000

    assert len(text.encode()) > 1_000_000
    assert "material/cotton" in ids(TAGGER.tag([line(text, (0, 0, 100, 20), 0.9)]))


def test_ten_thousand_lines_are_read():
    assert ids(TAGGER.tag(lines_of("denim\n" * 10_000))) == {"material/denim"}


@settings(max_examples=60, deadline=None)
@given(some_lines)
def test_tagging_is_deterministic_and_scores_stay_within_bounds(lines: list[TextLine]):
    lines = encodable(lines)
    first, second = TAGGER.tag(lines), TAGGER.tag(lines)

    assert first == second
    assert all(0 <= tag.score <= 1 for tag in first.tags)
    assert all(tag.share is None or 0 < tag.share <= 100 for tag in first.tags)
    assert all(0 <= finding.score <= 1 for finding in first.findings)


@settings(max_examples=60, deadline=None)
@given(some_lines, st.randoms())
def test_the_order_of_lines_does_not_change_the_tags(lines: list[TextLine], random):
    lines = encodable(lines)

    shuffled = random.sample(lines, len(lines))

    assert apart_from_places(TAGGER.tag(shuffled), shuffled) == apart_from_places(TAGGER.tag(lines), lines)


@settings(max_examples=60, deadline=None)
@given(some_lines, st.lists(st.text(alphabet="qzxjvQZXJV?!*_ 囧囍", max_size=12), max_size=4))
def test_noise_lines_never_add_tags(lines: list[TextLine], noise: list[str]):
    """Noise: lines apart from the others, in letters that no word of the lexicon is made of alone."""
    lines = encodable(lines)
    far = [line(text, (5000, 5000 + 200 * at, 5300, 5020 + 200 * at), 0.9) for at, text in enumerate(noise)]

    assert ids(TAGGER.tag([*lines, *far])) == ids(TAGGER.tag(lines))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(texts, boxes), max_size=6), st.floats(0, 1), st.floats(0, 1))
def test_a_better_read_photo_never_scores_lower(
    read: list[tuple[str, tuple[int, int, int, int]]], one: float, other: float
):
    worse, better = (
        {tag.id: tag.score for tag in TAGGER.tag(encodable([line(text, box, score) for text, box in read])).tags}
        for score in sorted((one, other))
    )

    assert all(better[tag] >= score for tag, score in worse.items())


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.builds(line, st.text(alphabet=st.characters(codec=None), max_size=30), boxes, st.just(0.9)), max_size=5)
)
def test_no_text_at_all_makes_it_fail(lines: list[TextLine]):
    TAGGER.tag(encodable(lines))
