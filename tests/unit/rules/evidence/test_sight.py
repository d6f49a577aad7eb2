"""What a look at the picture showed becomes tags beside those that were read; where they disagree, text counts."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.lexicon.aspects import SEEABLE
from rules.lexicon.load import Lexicon
from rules.quality.labelled import lines_of
from rules.tagger import Tagger, Tagging
from schemas.events import Engine, Seen, SeenValue

LOOK = Engine(name="look", model="m", revision="r")
BOX = (10, 20, 300, 400)


def saw(*values: tuple[str, float]) -> Seen:
    return Seen(engine=LOOK, values=tuple(SeenValue(tag=tag, bbox=BOX, score=score) for tag, score in values))


@pytest.fixture
def look(tagger: Tagger) -> Callable[..., Tagging]:
    """Tag a text and values that were seen with near certainty."""
    return lambda text, *tags: tagger.tag(lines_of(text) if text else (), saw(*((tag, 0.99) for tag in tags)))


def kinds(tagging: Tagging) -> dict[str, list[str]]:
    return {tag.id: [one.kind for one in tag.evidence] for tag in tagging.tags}


def test_a_photo_without_text_gets_the_tags_that_were_seen(look):
    found = look("", "category/dress", "pattern/floral", "scene/beach")

    assert kinds(found) == {"category/dress": ["seen"], "pattern/floral": ["seen"], "scene/beach": ["seen"]}
    (beach,) = (tag for tag in found.tags if tag.id == "scene/beach")
    assert beach.score == 0.99
    assert beach.evidence[0].model_dump(exclude_none=True) == {
        "kind": "seen",
        "text": "",
        "bbox": BOX,
        "rule": "scene/beach",
        "score": 0.99,
    }
    assert beach.seen_only


def test_tags_that_were_read_and_seen_join_and_a_tag_with_both_was_read(look):
    found = look("碎花连衣裙\n100% COTTON", "category/dress", "pattern/floral", "scene/beach")

    assert kinds(found)["pattern/floral"] == ["read", "seen"]
    assert set(kinds(found)["material/cotton"]) == {"read"}
    assert {tag.id for tag in found.tags if tag.seen_only} == {"scene/beach"}


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("V领T恤", "style/round-neck"),
        ("颜色: 黑色", "colour/navy"),
        ("牛仔裤 JEANS", "category/leggings"),
        ("SLIM FIT", "style/oversize"),
        ("STRIPED SHIRT", "pattern/plaid"),
    ],
)
def test_text_beats_the_picture_where_they_disagree(look, text, seen):
    read = {tag.id for tag in look(text).tags}
    found = look(text, seen)

    assert read
    assert {tag.id for tag in found.tags} == read
    assert [(one.tag, one.reason) for one in found.sightings] == [(seen, "text-disagrees")]


def test_another_aspect_is_no_disagreement(look):
    found = look("V领T恤", "colour/white", "style/short-sleeve", "scene/street")
    assert {"style/v-neck", "colour/white", "style/short-sleeve", "scene/street"} <= kinds(found).keys()


def test_a_seen_value_that_says_the_same_more_exactly_is_no_disagreement(look, lexicon: Lexicon):
    assert "category/skirt" in lexicon.entries["category/pleated-skirt"].implies
    assert kinds(look("SKIRT", "category/pleated-skirt")) == {
        "category/pleated-skirt": ["seen"],
        "category/skirt": ["read", "seen"],
        "style/pleated": ["seen"],
    }


def test_a_value_that_is_unsure_or_unknown_gives_no_tag_and_says_why(tagger: Tagger):
    found = tagger.tag((), saw(("style/slim", 0.7), ("colour/red", 0.7), ("colour/of-money", 1.0)))

    assert kinds(found) == {"colour/red": ["seen"]}
    assert {one.tag: one.reason for one in found.sightings} == {
        "style/slim": "unsure",
        "colour/red": None,
        "colour/of-money": "not-seeable",
    }


def test_materials_sizes_care_and_claims_are_never_seen(tagger: Tagger, lexicon: Lexicon):
    never = [tag for tag, entry in lexicon.entries.items() if entry.category not in SEEABLE]
    everything = tagger.tag((), saw(*((tag, 1.0) for tag in lexicon.entries)))

    assert {entry.category for entry in map(lexicon.entries.__getitem__, never)} >= {
        "material",
        "size",
        "care",
        "claim",
    }
    assert {tag.category for tag in everything.tags} <= SEEABLE
    assert "material/denim" not in kinds(tagger.tag((), saw(("category/jeans", 1.0))))


def test_no_look_and_a_look_that_saw_nothing_give_the_same_tags(tagger: Tagger):
    lines = lines_of("面料 棉65% 聚酯纤维35%\nV领T恤")
    assert tagger.tag(lines).tags == tagger.tag(lines, saw()).tags
    assert tagger.tag((), saw()).tags == ()
    assert tagger.tag((), saw()).normalized == tagger.tag(()).normalized


@given(
    values=st.lists(
        st.tuples(st.sampled_from(["colour/red", "style/slim", "category/x", "scene/snow"]), st.floats(0, 1))
    )
)
def test_read_tags_stay_beside_any_seen_tags(tagger: Tagger, values):
    lines = lines_of("RED SLIM FIT JEANS 100% COTTON")
    read = {tag.id: tag for tag in tagger.tag(lines).tags}
    both = {tag.id: tag for tag in tagger.tag(lines, saw(*values)).tags}

    assert read.keys() <= both.keys()
    for tag_id, tag in read.items():
        assert [one for one in both[tag_id].evidence if one.kind == "read"] == list(tag.evidence)
        assert both[tag_id].score >= tag.score
