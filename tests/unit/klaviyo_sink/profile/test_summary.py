"""The summary after a change is the summary of the uploads after it, whatever came before."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaviyo_sink.profile.interests import Interest, Interests
from klaviyo_sink.profile.recency import Recency, micros
from klaviyo_sink.profile.style import Contribution
from klaviyo_sink.profile.summary import Summarizing, Summary
from schemas.events import Labels

START = datetime(2026, 1, 1, tzinfo=UTC)
TAGS = ("claim/organic", "material/silk", "scene/beach", "style/slim")
WORDS = Labels(en="", zh="")
INTERESTS = Interests(
    [
        Interest("interest/vacation", WORDS, (frozenset(TAGS[:2]), frozenset(TAGS[2:])), 1, timedelta(days=9)),
        Interest("interest/slim", WORDS, (frozenset({"style/slim"}),), 2, timedelta(days=30)),
    ]
)
SUMMARIZING = Summarizing(Recency(timedelta(days=5)), INTERESTS, words=True)


def upload(name, day, late, read, seen, *, worded):
    read, seen = tuple(sorted(read)), tuple(sorted(seen - read))
    words = tuple(f"{tag} {name} {day}" for tag in read + seen) if worded else ()
    at = START + timedelta(days=day)
    return Contribution(at, name, at + timedelta(days=late), "l", read, words, seen, looked=bool(seen))


tags = st.sets(st.sampled_from(TAGS))
uploads = st.builds(
    upload, st.sampled_from("abcdefgh"), st.integers(0, 90), st.integers(-20, 20), tags, tags, worded=st.booleans()
)
histories = st.lists(uploads, max_size=8, unique_by=lambda one: one.upload_id)


@given(histories, st.lists(st.booleans(), min_size=8, max_size=8), histories)
def test_a_change_leads_where_all_uploads_lead_or_asks_for_them(before, stays, new):
    left = [one for one, kept in zip(before, stays, strict=False) if kept]
    ids = {one.upload_id for one in left}
    added = [one for one in new if one.upload_id not in ids]
    after = SUMMARIZING.after(SUMMARIZING.of(before), [one for one in before if one not in left], added)
    assert after is None or after == SUMMARIZING.of([*left, *added])


@given(histories, uploads)
def test_one_more_upload_never_needs_the_others(before, one):
    known = [upload for upload in before if upload.upload_id != one.upload_id]
    after = SUMMARIZING.after(SUMMARIZING.of(known), (), [one])
    whole = SUMMARIZING.of([*known, one])
    # Except when so much time has passed that weights count anew.
    assert after == (whole if whole.frame == SUMMARIZING.of(known).frame else None)


apart = st.lists(uploads, min_size=2, max_size=8, unique_by=(lambda one: one.upload_id, lambda one: one.uploaded_at))


@given(apart)
def test_forgetting_the_oldest_upload_for_a_new_one_never_needs_the_others(made):
    """
    The uploads have words and were tagged when they were uploaded, and no two were uploaded at the same time.

    Two uploads of the same time may need the others, because the oldest upload's time may then be among the newest
    times that an interest keeps.
    """
    oldest, *others = sorted(
        one._replace(tagged_at=one.uploaded_at, labels=tuple(map(str.upper, one.every))) for one in made
    )
    *known, newest = others
    after = SUMMARIZING.after(SUMMARIZING.of([oldest, *known]), [oldest], [newest])
    whole = SUMMARIZING.of([*known, newest])
    assert after == (whole if whole.frame == SUMMARIZING.of([oldest, *known]).frame else None)


@given(histories)
def test_the_stored_summary_reads_back_equal(made):
    summary = SUMMARIZING.of(made)
    assert Summary.is_in(summary.stored())
    assert Summary.parse(summary.stored()) == summary


@pytest.mark.parametrize(
    "others",
    [
        Summarizing(Recency(timedelta(days=6)), INTERESTS, words=True),
        Summarizing(SUMMARIZING.recency, Interests(), words=True),
        Summarizing(SUMMARIZING.recency, INTERESTS, words=False),
    ],
)
def test_other_settings_need_all_uploads(others):
    assert others.after(SUMMARIZING.of([]), (), []) is None


def test_an_upload_that_was_never_counted_cannot_go():
    known, unknown = (
        upload(name, 1, 0, {tag}, set(), worded=False) for name, tag in (("a", "style/slim"), ("b", "material/silk"))
    )
    newer = upload("c", 2, 0, {"claim/organic"}, set(), worded=False)
    with pytest.raises(ValueError, match="never counted"):
        SUMMARIZING.after(SUMMARIZING.of([known, newer]), [unknown], ())


ages = st.lists(st.floats(0, 12), min_size=1, max_size=200)


@given(ages, st.floats(0.01, 1))
def test_units_are_weights_that_halve(half_lives, least):
    """Ages are in half-lives."""
    recency = Recency(timedelta(days=180), least)
    as_of = micros(START)
    frame = recency.frame(as_of)
    at = [as_of - round(age * 180 * 86_400_000_000) for age in half_lives]
    units = sum(recency.units(one, frame) for one in at)
    weight = math.fsum(0.5**age for age in half_lives)
    assert units / recency.needed(as_of, frame) == pytest.approx(weight / least, rel=1e-5)
    assert sum(recency.units(one, frame) for one in reversed(at)) == units < 2**63


@given(st.integers(0, 40_000), st.integers(1, 200), st.floats(0.01, 1))
def test_an_upload_from_the_future_suffices_alone(days_ahead, half_life, least):
    recency, as_of = Recency(timedelta(days=half_life), least), micros(START)
    frame = recency.frame(as_of)
    assert recency.units(as_of + days_ahead * 86_400_000_000, frame) >= recency.needed(as_of, frame)
