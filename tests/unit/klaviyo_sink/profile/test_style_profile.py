"""The style profile is an algebra, and a body is a pure function of what it says."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outfits import tag
from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from klaviyo_sink.bodies import EventBody, Profile, ProfileAttributes
from klaviyo_sink.delivery.rows import Row
from klaviyo_sink.profile.naming import PropertyNames
from klaviyo_sink.profile.style import (
    Contribution,
    StyleProfile,
    contribution,
    event_properties,
    fold,
    unique_id,
)
from klaviyo_sink.profile.wording import DEFAULT_WORDING, Wording
from schemas.events import Identity

START = datetime(2026, 1, 1, tzinfo=UTC)
TAGS = ("material/cotton", "material/silk", "style/v-neck", "category/dress", "pattern/floral", "interest/vacation")
moments = st.integers(0, 6).map(lambda days: START + timedelta(days=days))
contributions = st.builds(
    Contribution,
    upload_id=st.sampled_from("abcdef"),
    uploaded_at=moments,
    tagged_at=moments,
    lexicon_version=st.sampled_from(["l1", "l2"]),
    tags=st.sets(st.sampled_from(TAGS)).map(lambda tags: tuple(sorted(tags))),
)
MEMORY = 3


def row(event, profile, version=1, **changes: Any):
    state = DEFAULT_WORDING.properties(profile, version)
    return Row(event, unique_id(event), state, "Outfit Tagged", event.backfill, **changes)


def folded(these):
    return fold(StyleProfile(), these, memory=MEMORY)


@given(st.lists(contributions, max_size=12), st.randoms(use_true_random=False))
def test_any_order_of_any_multiset_folds_to_the_same_state_even_under_bounded_memory(these, chance):
    again = these + chance.choices(these, k=3) if these else []
    chance.shuffle(again)
    one_by_one = StyleProfile()
    for one in again:
        one_by_one = fold(one_by_one, [one], memory=MEMORY)
    assert one_by_one == folded(these)


@given(st.lists(contributions, max_size=8), st.lists(contributions, max_size=8))
def test_folding_is_grouping_blind_and_idempotent(left, right):
    whole = folded(left + right)
    assert fold(folded(left), folded(right).uploads, memory=MEMORY) == whole
    assert fold(whole, whole.uploads, memory=MEMORY) == whole


@given(st.lists(contributions, max_size=30))
def test_memory_is_bounded_and_keeps_the_newest(these):
    kept = folded(these).uploads
    assert len(kept) <= MEMORY
    assert len({one.upload_id for one in kept}) == len(kept)
    assert all(one in these for one in kept)


def test_tagging_an_upload_again_replaces_its_tags(outfit):
    first = contribution(outfit("u1", "material/cotton"))
    better = contribution(outfit("u1", "material/silk", tagged_at=START + timedelta(days=400)))
    said = DEFAULT_WORDING.properties(folded([better, first]), 1)
    assert said["outfit_materials"] == ("silk",)


def test_the_stored_form_reads_back_equal(outfit):
    profile = folded([contribution(outfit("u1")), contribution(outfit("上传-2", "material/silk"))])
    assert StyleProfile.read(profile.stored()) == profile


def test_a_profile_stored_before_migration_0003_is_read(outfit):
    one = contribution(outfit("u1"))
    before = json.dumps({"uploads": [to_jsonable_python(one._asdict())]})
    assert StyleProfile.read(before) == StyleProfile((one,))


def test_the_profile_has_flat_sorted_lists_and_empties_removed_ones(outfit):
    profile = folded([contribution(outfit("u1", "material/silk", "material/cotton", "pattern/floral"))])
    assert DEFAULT_WORDING.properties(profile, 7) == {
        "outfit_materials": ("cotton", "silk"),
        "outfit_styles": (),
        "outfit_categories": (),
        "outfit_interests": (),
        "outfit_version": 7,
        "outfit_updated_at": "2026-11-22T12:00:00Z",
    }


def test_the_event_says_this_uploads_tags_by_category(outfit):
    event = outfit("u1", "pattern/floral", "material/silk", "category/dress", "material/cotton")
    assert event_properties(event) == {
        "upload_id": "u1",
        "tags": ("category/dress", "material/cotton", "material/silk", "pattern/floral"),
        "categories": ("dress",),
        "materials": ("cotton", "silk"),
        "patterns": ("floral",),
        "lexicon_version": "lex-1",
    }


@pytest.mark.parametrize(
    ("identity", "sent"),
    [
        ({"klaviyo_id": "01ABC", "email": "ada@shop.cn", "external_id": "s1"}, {"id": "01ABC"}),
        ({"email": "ada@shop.cn", "external_id": "s1"}, {"email": "ada@shop.cn"}),
        ({"external_id": "顾客-1"}, {"external_id": "顾客-1"}),
    ],
)
def test_exactly_one_identifier_is_sent(outfit, identity, sent):
    event = outfit(identity=Identity(**identity))
    profile = fold(StyleProfile(), [contribution(event)])
    for body in (
        json.loads(row(event, profile).single())["data"]["attributes"]["profile"],
        json.loads(row(event, profile, with_event=False).single()),
        json.loads(row(event, profile).bulk())["attributes"]["profile"],
        {"data": json.loads(row(event, profile, with_event=False).bulk())},
    ):
        named = {name: body["data"][name] for name in ("id",) if name in body["data"]}
        named |= {name: value for name, value in body["data"]["attributes"].items() if name != "properties"}
        assert named == sent


@given(tags=st.lists(st.sampled_from(TAGS), min_size=1, max_size=9), hours=st.integers(-12, 14), chance=st.randoms())
def test_the_same_meaning_gives_the_same_bytes(outfit, tags, hours, chance):
    shuffled = tags.copy()
    chance.shuffle(shuffled)
    zone = timezone(timedelta(hours=hours))
    here, there = (outfit("u", *tags, uploaded_at=START), outfit("u", *shuffled, uploaded_at=START.astimezone(zone)))

    def wire(event):
        profile = fold(StyleProfile(), [contribution(event)])
        return row(event, profile).single() + row(event, profile).bulk()

    assert wire(here) == wire(there)


def test_the_unique_id_changes_with_identity_and_upload_and_with_nothing_else(outfit):
    base = outfit("u1")
    assert len(unique_id(base)) == 64
    same = [outfit("u1", "material/silk", backfill=True, lexicon_version="l9"), outfit("u1", tagged_at=START)]
    other = [outfit("u2"), outfit("u1", identity=Identity(email="s1@shop.cn"))]
    assert {unique_id(event) for event in same} == {unique_id(base)}
    assert len({unique_id(event) for event in [base, *other]}) == 3


@pytest.mark.parametrize("names", [{}, {"email": "a@b.cn", "external_id": "x"}])
def test_a_profile_named_by_none_or_two_cannot_be_built(names):
    with pytest.raises(ValidationError):
        Profile(attributes=ProfileAttributes(**names))


def test_a_misplaced_key_cannot_be_built_and_the_refusal_quotes_no_value(outfit):
    event = outfit()
    body = json.loads(row(event, StyleProfile()).single())
    body["data"]["attributes"]["profile"]["data"]["attributes"]["outfit_materials"] = ["ada@shop.cn"]
    with pytest.raises(ValidationError) as refused:
        EventBody.model_validate_json(json.dumps(body))
    assert "ada" not in str(refused.value)


def test_a_shop_may_have_its_own_names_for_the_lists_and_its_own_words(outfit):
    names = PropertyNames(
        prefix="style_", aliases={"preferred_materials": "materials", "style_tags": "styles"}, labels="zh"
    )
    event = outfit("u1", tags=(tag("material/cotton", en="cotton", zh="棉"),))
    said = Wording(names).properties(folded([contribution(event, "zh")]), 1)
    assert said["style_materials"] == said["preferred_materials"] == ("棉",)
    assert said["style_tags"] == ()
    assert not [name for name in said if name.startswith("outfit_")]


@pytest.mark.parametrize(
    "aliases", [{"x": "fabrics"}, {"outfit_styles": "materials"}, {"": "styles"}, {"$email": "styles"}]
)
def test_an_alias_that_cannot_be_is_refused(aliases):
    with pytest.raises(ValueError, match="name"):
        PropertyNames(aliases=aliases)


def test_names_that_klaviyo_does_not_know_are_tried_in_order(outfit):
    event = outfit(identity=Identity(klaviyo_id="01A", email="ada@shop.cn", external_id="s1"))
    first = row(event, StyleProfile())
    second = first.by_next_name()
    third = second.by_next_name()
    assert [one.name for one in (first, second, third)] == [
        ("id", "01A"),
        ("email", "ada@shop.cn"),
        ("external_id", "s1"),
    ]
    assert third.by_next_name() is None
    assert {json.loads(one.single())["data"]["attributes"]["unique_id"] for one in (first, second)} == {
        unique_id(event)
    }
