"""Tags that only a picture shows stay apart from read tags, in every mode."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outfits import NOON, outfit, tag

from klaviyo_sink.profile.naming import PropertyNames
from klaviyo_sink.profile.style import Contribution, StyleProfile, contribution, event_properties, fold
from klaviyo_sink.profile.wording import Wording
from schemas.events import Engine, Evidence, OutfitTagged

LOOK = Engine(name="look", model="m", revision="r")
SEEN = Evidence(kind="seen", text="", bbox=(0, 0, 9, 9), rule="r", score=0.9)
READ = Evidence(text="100% COTTON", bbox=(0, 0, 9, 9), rule="r", line=0)


def looked_at(upload_id: str, read: tuple[str, ...], seen: tuple[str, ...], both: tuple[str, ...] = (), **more: Any):
    proven = (
        *(tag(one, en=one.title()).model_copy(update={"evidence": (READ,)}) for one in read),
        *(tag(one, en=one.title()).model_copy(update={"evidence": (SEEN,)}) for one in seen),
        *(tag(one, en=one.title()).model_copy(update={"evidence": (READ, SEEN)}) for one in both),
    )
    return outfit(upload_id, **{"tags": proven, "look": LOOK} | more)


EVENT = looked_at("u1", ("material/cotton",), ("style/v-neck", "scene/beach"), ("category/dress",))


def said(mode: str, *events: OutfitTagged, **names: Any) -> dict[str, Any]:
    wording = Wording(PropertyNames(seen=mode, **names))
    return wording.properties(fold(StyleProfile(), [contribution(one, wording.names.labels) for one in events]), 1)


def test_seen_tags_have_lists_of_their_own_and_a_tag_with_both_kinds_was_read():
    profile = said("separate", EVENT, categories=("scene", "size"))

    assert profile["outfit_styles"] == ()
    assert profile["outfit_seen_styles"] == ("v-neck",)
    assert profile["outfit_categories"] == ("dress",)
    assert profile["outfit_seen_categories"] == ()
    assert profile["outfit_scenes"] == ()
    assert profile["outfit_seen_scenes"] == ("beach",)
    assert {"outfit_seen_materials", "outfit_seen_interests", "outfit_seen_sizes"}.isdisjoint(profile)


def test_merged_lists_both_kinds_together_and_off_lists_no_seen_tags():
    merged, off = said("merged", EVENT), said("off", EVENT)

    assert (merged["outfit_styles"], merged["outfit_categories"]) == (("v-neck",), ("dress",))
    assert (off["outfit_styles"], off["outfit_categories"]) == ((), ("dress",))
    for profile in (merged, off):
        assert not [name for name in profile if "seen" in name]


def test_a_value_that_was_read_in_any_upload_is_only_in_the_read_list():
    profile = said("separate", EVENT, looked_at("u2", ("style/v-neck",), ("style/slim",)))
    assert (profile["outfit_styles"], profile["outfit_seen_styles"]) == (("v-neck",), ("slim",))


def test_without_a_look_a_profile_its_row_and_an_event_do_not_change():
    plain = outfit("u1", "style/v-neck")
    profile = fold(StyleProfile(), [contribution(plain)])

    assert all("seen" not in name for name in said("separate", plain))
    assert all("seen" not in name for name in event_properties(plain))
    assert profile.stored().count(",") == 5
    assert StyleProfile.read(profile.stored()) == profile


def test_a_look_that_saw_nothing_empties_the_lists_of_an_upload():
    nothing = looked_at("u1", ("material/cotton",), (), tagged_at=NOON + timedelta(days=1))
    assert said("separate", EVENT)["outfit_seen_styles"] == ("v-neck",)
    assert said("separate", EVENT, nothing)["outfit_seen_styles"] == ()


def test_words_fit_the_tags_of_both_kinds():
    profile = said("separate", EVENT, labels="en")
    assert (profile["outfit_materials"], profile["outfit_seen_styles"]) == (("Material/Cotton",), ("Style/V-Neck",))


def test_an_event_separates_seen_from_read_tags():
    separate, merged, off = (event_properties(EVENT, mode) for mode in ("separate", "merged", "off"))

    assert separate["tags"] == off["tags"] == ("category/dress", "material/cotton")
    assert (separate["seen_tags"], separate["seen_scenes"]) == (("scene/beach", "style/v-neck"), ("beach",))
    assert "styles" not in separate
    assert merged["tags"] == ("category/dress", "material/cotton", "scene/beach", "style/v-neck")
    assert merged["styles"] == ("v-neck",)
    assert not [name for name in (*merged, *off) if "seen" in name]


@pytest.mark.parametrize("mode", ["off", "separate", "merged"])
@pytest.mark.parametrize("earlier", ["off", "separate", "merged"])
def test_forget_removes_every_property_of_a_profile_written_in_this_or_in_another_mode(mode, earlier):
    names = PropertyNames(seen=mode, categories=("scene", "colour"))
    assert set(said(earlier, EVENT, categories=("scene", "colour"))) <= set(names.every)
    assert set(said("separate", EVENT, categories=("scene", "colour"))) == set(names.every)


@pytest.mark.parametrize("mode", ["off", "separate", "merged"])
def test_an_alias_may_not_have_the_name_of_a_list_of_seen_tags(mode):
    with pytest.raises(ValueError, match="outfit_seen_styles"):
        PropertyNames(seen=mode, aliases={"outfit_seen_styles": "styles"})


contributions = st.builds(
    lambda upload_id, day, read, seen: contribution(
        looked_at(upload_id, tuple(read), tuple(seen - read), tagged_at=NOON + timedelta(days=day))
    ),
    st.sampled_from("abc"),
    st.integers(0, 3),
    st.sets(st.sampled_from(["style/slim", "style/v-neck", "material/silk"]), min_size=1),
    st.sets(st.sampled_from(["style/slim", "style/v-neck", "scene/beach"])),
)
plain = st.builds(
    lambda upload_id, day: contribution(outfit(upload_id, "style/slim", tagged_at=NOON + timedelta(days=day))),
    st.sampled_from("abc"),
    st.integers(0, 3),
)


@given(st.lists(contributions | plain, max_size=8), st.randoms(use_true_random=False))
def test_order_repetition_and_storing_change_nothing(made: list[Contribution], chance):
    shuffled = [*made, *made]
    chance.shuffle(shuffled)
    profile = fold(StyleProfile(), made)
    assert fold(StyleProfile(), shuffled) == profile
    assert StyleProfile.read(profile.stored()) == profile
