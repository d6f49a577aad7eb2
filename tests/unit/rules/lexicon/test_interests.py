"""Interests: a pure function of the uploads and a time."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rules.lexicon.interests import Interest, Upload, interests_of
from rules.lexicon.load import Lexicon

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
SUSTAINABLE = Interest(
    id="interest/sustainable",
    en="Sustainable",
    zh="可持续",
    tags=(("claim/organic", "claim/recycled"),),
    uploads=2,
    days=180,
)
VACATION = Interest(
    id="interest/vacation",
    en="Holiday",
    zh="度假",
    tags=(("pattern/floral",), ("occasion/beach", "occasion/vacation")),
    uploads=1,
    days=90,
    half_life_days=30,
)


def upload(number: int, days_ago: float, *tags: str) -> Upload:
    return Upload(f"upload-{number}", NOW - timedelta(days=days_ago), frozenset(tags))


def held(*uploads: Upload, now: datetime = NOW) -> dict[str, float]:
    return {one.id: one.strength for one in interests_of((SUSTAINABLE, VACATION), uploads, now)}


def test_it_takes_as_many_uploads_as_the_rule_says():
    assert held(upload(1, 1, "claim/organic")) == {}
    assert set(held(upload(1, 1, "claim/organic"), upload(2, 2, "claim/recycled"))) == {"interest/sustainable"}


def test_an_upload_must_have_a_tag_of_each_group():
    assert held(upload(1, 1, "pattern/floral")) == {}
    assert held(upload(1, 1, "pattern/floral"), upload(2, 1, "occasion/beach")) == {}
    assert set(held(upload(1, 1, "pattern/floral", "occasion/beach"))) == {"interest/vacation"}


def test_the_same_upload_twice_counts_once():
    one = upload(1, 1, "claim/organic")

    assert held(one, one) == {}


def test_uploads_outside_the_window_and_from_the_future_do_not_count():
    recent = upload(1, 1, "claim/organic")

    assert held(recent, upload(2, 180, "claim/organic")) == {}
    assert held(recent, upload(2, -1, "claim/organic")) == {}
    assert set(held(recent, upload(2, 179.9, "claim/organic"))) == {"interest/sustainable"}


def test_the_strength_halves_with_the_half_life():
    assert held(upload(1, 0, "pattern/floral", "occasion/beach")) == {"interest/vacation": 1.0}
    assert held(upload(1, 30, "pattern/floral", "occasion/beach")) == {"interest/vacation": 0.5}


def test_it_says_how_many_uploads_and_when_the_latest_was():
    found = interests_of((SUSTAINABLE,), [upload(1, 9, "claim/organic"), upload(2, 4, "claim/organic")], NOW)

    assert (found[0].uploads, found[0].latest) == (2, NOW - timedelta(days=4))
    assert found[0].labels.zh == "可持续"


def test_time_zones_do_not_matter():
    shanghai = NOW.astimezone(timezone(timedelta(hours=8)))
    uploads = (upload(1, 1, "claim/organic"), upload(2, 2, "claim/recycled"))

    assert held(*uploads, now=shanghai) == held(*uploads)


def test_the_shipped_interests_are_sound(lexicon: Lexicon):
    ids = [interest.id for interest in lexicon.interests]

    assert {"interest/sustainable", "interest/vacation"} <= set(ids)
    assert len(ids) == len(set(ids)) >= 10


def test_an_interest_without_tags_is_refused():
    with pytest.raises(ValidationError):
        Interest(id="interest/none", en="None", zh="无", tags=())


histories = st.lists(
    st.builds(
        upload,
        st.integers(0, 6),
        st.floats(-30, 400),
        st.sampled_from(["claim/organic", "claim/recycled", "pattern/floral"]),
        st.sampled_from(["occasion/beach", "style/vintage"]),
    ),
    max_size=8,
    unique_by=lambda one: one.upload_id,
)


@given(histories, st.randoms())
def test_the_order_of_a_history_does_not_matter(history: list[Upload], random):
    assert held(*random.sample(history, len(history))) == held(*history)


@given(histories, st.floats(0, 200))
def test_without_new_uploads_an_interest_only_fades(history: list[Upload], days: float):
    past = [one for one in history if one.uploaded_at <= NOW]
    before, after = held(*past), held(*past, now=NOW + timedelta(days=days))

    assert all(before[interest] >= strength for interest, strength in after.items())
    assert all(0 < strength <= 1 for strength in before.values())


@given(histories, st.sampled_from(["claim/organic", "occasion/beach"]))
def test_another_upload_never_takes_an_interest_away(history: list[Upload], tag: str):
    more = [*history, Upload("another", NOW, frozenset({tag}))]

    assert set(held(*history)) <= set(held(*more))
