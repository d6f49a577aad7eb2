"""What the profile says of the style profile: what fades, what several uploads together mean, and in which words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaviyo_sink.profile.interests import Interest, Interests
from klaviyo_sink.profile.naming import PropertyNames
from klaviyo_sink.profile.recency import Recency
from klaviyo_sink.profile.style import Contribution, StyleProfile, fold
from klaviyo_sink.profile.wording import DEFAULT_WORDING, Wording
from klaviyo_sink.sink import open_sink
from schemas.events import Labels

START = datetime(2026, 1, 1, tzinfo=UTC)
ORGANIC = Labels(en="Sustainable shopper", zh="可持续消费")


def upload(name, *tags: str, day=0.0, tagged_day=None):
    at = START + timedelta(days=day)
    return Contribution(at, name, at if tagged_day is None else START + timedelta(days=tagged_day), "l", tags)


def materials(*uploads: Contribution, recency=DEFAULT_WORDING.recency):
    return Wording(recency=recency).properties(fold(StyleProfile(), uploads), 1)["outfit_materials"]


#: Two organic things within 30 days.
SUSTAINABLE = Interests(
    [Interest("interest/sustainable", ORGANIC, (frozenset({"claim/organic"}),), 2, timedelta(days=30))]
)


def test_a_tag_of_one_upload_stays_a_year_and_of_several_longer():
    once, often = upload("a", "material/silk"), [upload(name, "material/wool") for name in "bcde"]
    assert materials(once, *often, upload("z", "material/linen", day=360)) == ("linen", "silk", "wool")
    assert materials(once, *often, upload("z", "material/linen", day=361)) == ("linen", "wool")
    assert materials(once, *often, upload("z", "material/linen", day=721)) == ("linen",)


def test_nothing_fades_without_a_newer_upload_and_never_with_half_life_0():
    assert materials(upload("a", "material/silk")) == ("silk",)
    forever = Recency(timedelta(0))
    assert materials(upload("a", "material/silk"), upload("z", "style/slim", day=9999), recency=forever) == ("silk",)


def test_a_phone_whose_clock_stands_before_1970_counts_like_others():
    profile = fold(StyleProfile(), [upload("a", "material/silk", day=-30_000, tagged_day=-30_000)])
    said = Wording().properties(profile, 1)
    assert (said["outfit_materials"], said["outfit_updated_at"][:2]) == (("silk",), "19")


def test_a_phone_whose_clock_runs_ahead_makes_nothing_old():
    ahead = upload("a", "material/silk", day=365, tagged_day=0)
    assert materials(ahead, upload("b", "material/wool", day=1)) == ("silk", "wool")


@pytest.mark.parametrize("wrong", [{"half_life": timedelta(days=-1)}, {"least": 0}, {"least": 1.01}])
def test_a_recency_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="half_life"):
        Recency(**wrong)


@pytest.mark.parametrize(("labels", "said"), [("ids", "sustainable"), ("en", ORGANIC.en), ("zh", ORGANIC.zh)])
def test_interests_are_ids_or_words_and_end_with_their_window(labels, said):
    wording = Wording(PropertyNames(labels=labels), interests=SUSTAINABLE)

    def interests(*uploads: Contribution):
        return wording.properties(fold(StyleProfile(), uploads), 1)["outfit_interests"]

    two = [upload("a", "claim/organic"), upload("b", "claim/organic", day=9)]
    assert interests(two[0]) == ()
    assert interests(*two) == (said,)
    assert interests(*two, upload("c", "material/silk", day=31)) == ()


days = st.integers(0, 500)
tags = st.sets(st.sampled_from(["claim/organic", "material/silk", "material/wool", "style/slim"]), min_size=1)
histories = st.lists(
    st.builds(
        lambda name, day, late, tags: upload(name, *sorted(tags), day=day, tagged_day=day + late),
        st.sampled_from("abcdefgh"),
        days,
        st.integers(-300, 300),
        tags,
    ),
    max_size=12,
)


@given(histories, st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_change_the_profile(history, chance):
    wording = Wording(interests=SUSTAINABLE)
    again = history + chance.choices(history, k=3) if history else []
    chance.shuffle(again)
    one_by_one = StyleProfile()
    for one in again:
        one_by_one = fold(one_by_one, [one], memory=4)
    assert wording.properties(one_by_one, 1) == wording.properties(fold(StyleProfile(), history, memory=4), 1)


async def test_an_interest_reaches_the_profile_and_leaves_it_again(config, clock, sandbox, outfit):
    clock.at += timedelta(days=60)
    told = []
    sink = await open_sink(replace(config, interests=SUSTAINABLE), now=clock.now)
    for number, day in enumerate((0, 9, 50)):
        at = outfit().uploaded_at + timedelta(days=day)
        await sink.sync(outfit(f"u{number}", "claim/organic", uploaded_at=at, tagged_at=at))
        told.append((await sandbox.state())["profiles"][0]["properties"]["outfit_interests"])
    await sink.aclose()
    assert told == [[], ["sustainable"], []]


async def test_new_rules_apply_with_the_next_upload_even_if_it_adds_no_tag(config, clock, sandbox, outfit):
    plain = await open_sink(config, now=clock.now)
    for name in ("u1", "u2"):
        await plain.sync(outfit(name, "claim/organic"))
    await plain.aclose()
    ruled = await open_sink(replace(config, interests=SUSTAINABLE), now=clock.now)
    assert (await ruled.sync(outfit("u1", "claim/organic"))).outcome == "written"
    await ruled.aclose()
    [profile] = (await sandbox.state())["profiles"]
    assert profile["properties"]["outfit_interests"] == ["sustainable"]
