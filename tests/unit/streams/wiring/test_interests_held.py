"""The quick way to a shopper's interests says what the rules say."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from klaviyo_sink.profile import naming
from klaviyo_sink.profile.style import Contribution
from rules.lexicon import aspects
from rules.lexicon.interests import Upload, interests_of
from rules.lexicon.load import load_lexicon
from streams.wiring.interests import interests_held

START = datetime(2026, 1, 1, tzinfo=UTC)
INTERESTS = load_lexicon().interests
COUNTED = sorted({tag for interest in INTERESTS for tag in interest.counted()} | {"colour/red", "style/slim"})


@given(
    st.lists(st.tuples(st.integers(0, 400), st.sets(st.sampled_from(COUNTED), max_size=6)), max_size=12),
    st.integers(0, 800),
)
def test_only_uninteresting_rules_are_passed_over(made, days):
    uploads = [
        Contribution(START + timedelta(days=day), f"u{i}", START, "l", tuple(sorted(tags)))
        for i, (day, tags) in enumerate(made)
    ]
    as_of = START + timedelta(days=days)
    # A clock that runs ahead makes an upload new, not unheard of.
    history = [Upload(one.upload_id, min(one.uploaded_at, as_of), frozenset(one.tags)) for one in uploads]
    plain = {one.id: one.labels for one in interests_of(INTERESTS, history, as_of)}
    assert interests_held(INTERESTS)(uploads, as_of) == plain


def test_a_seen_tag_completes_an_interest_with_a_read_tag():
    def held(read: str, *seen: str, counts: bool = True) -> set[str]:
        upload = Contribution(START, "u", START, "l", (read,), (), seen, looked=True)
        return set(interests_held(INTERESTS, seen=counts)([upload], START))

    assert held("pattern/floral", "scene/beach") == {"interest/vacation"}
    assert held("occasion/running", "scene/outdoors") == {"interest/active"}
    assert held("pattern/floral") == held("occasion/running") == set()
    assert held("pattern/floral", "scene/beach", counts=False) == set()


def test_the_lists_of_seen_values_are_of_categories_that_may_be_seen():
    assert naming.SEEABLE == aspects.SEEABLE
