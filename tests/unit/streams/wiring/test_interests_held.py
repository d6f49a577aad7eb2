"""The sink finds the interests of a shopper that the lexicon's rules define."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from klaviyo_sink.profile import naming
from klaviyo_sink.profile.recency import DEFAULT_RECENCY
from klaviyo_sink.profile.style import Contribution
from klaviyo_sink.profile.summary import Summarizing
from rules.lexicon import aspects
from rules.lexicon.load import load_lexicon
from schemas.events import Labels
from streams.wiring.interests import interests_held

START = datetime(2026, 1, 1, tzinfo=UTC)
INTERESTS = load_lexicon().interests
COUNTED = sorted({tag for interest in INTERESTS for tag in interest.counted()} | {"colour/red", "style/slim"})


def held(uploads, *, seen=True):
    interests = interests_held(INTERESTS, seen=seen)
    summary = Summarizing(DEFAULT_RECENCY, interests, words=False).of(uploads)
    return interests.held(summary.interests, summary.as_of)


def plainly_held(uploads, as_of):
    """Count for each interest the uploads in its window that have a tag of each group."""
    return {
        interest.id
        for interest in INTERESTS
        if sum(
            as_of - min(one.uploaded_at, as_of) < timedelta(days=interest.days)
            and all(set(group) & set(one.tags) for group in interest.tags)
            for one in uploads
        )
        >= interest.uploads
    }


@given(
    st.lists(st.tuples(st.integers(0, 400), st.sets(st.sampled_from(COUNTED), max_size=6)), max_size=12),
    st.integers(0, 800),
)
def test_the_newest_uploads_that_count_decide_as_all_uploads_do(made, days):
    as_of = START + timedelta(days=days)
    uploads = [
        Contribution(START + timedelta(days=day), f"u{i}", as_of, "l", tuple(sorted(tags)))
        for i, (day, tags) in enumerate(made)
    ]
    uploads.append(Contribution(as_of, "newest", as_of, "l", ()))
    assert held(uploads).keys() == plainly_held(uploads, as_of)


def test_an_interest_has_the_display_names_of_its_rule():
    found = held([Contribution(START, "u", START, "l", ("occasion/beach", "pattern/floral"))])

    (vacation,) = (one for one in INTERESTS if one.id == "interest/vacation")
    assert found == {"interest/vacation": Labels(en=vacation.en, zh=vacation.zh)}


def test_a_seen_tag_completes_an_interest_with_a_read_tag():
    def of_one(read: str, *seen: str, counts: bool = True) -> set[str]:
        return set(held([Contribution(START, "u", START, "l", (read,), (), seen, looked=True)], seen=counts))

    assert of_one("pattern/floral", "scene/beach") == {"interest/vacation"}
    assert of_one("occasion/running", "scene/outdoors") == {"interest/active"}
    assert of_one("pattern/floral") == of_one("occasion/running") == set()
    assert of_one("pattern/floral", "scene/beach", counts=False) == set()


def test_the_lists_of_seen_values_are_of_categories_that_may_be_seen():
    assert naming.SEEABLE == aspects.SEEABLE
