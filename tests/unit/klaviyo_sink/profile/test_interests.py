"""Interests: a function of the set of a shopper's uploads and of the time of the newest one."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from klaviyo_sink.profile.interests import Interest, Interests
from klaviyo_sink.profile.recency import DEFAULT_RECENCY
from klaviyo_sink.profile.style import Contribution, StyleProfile, fold
from klaviyo_sink.profile.summary import Summarizing
from schemas.events import Labels

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
NAMES = Labels(en="Any", zh="任意")
ORGANIC = frozenset({"claim/organic", "claim/recycled"})
INTERESTS = Interests(
    [
        Interest("interest/sustainable", NAMES, (ORGANIC,), 2, timedelta(days=180)),
        Interest(
            "interest/vacation",
            NAMES,
            (frozenset({"pattern/floral"}), frozenset({"occasion/beach", "occasion/vacation"})),
            1,
            timedelta(days=90),
        ),
    ]
)


def upload(number: int, days_ago: float, *tags: str) -> Contribution:
    return Contribution(NOW - timedelta(days=days_ago), f"upload-{number}", NOW, "l", tuple(sorted(tags)))


def held(*uploads: Contribution) -> set[str]:
    """The newest upload is of now, so that the windows end now."""
    profile = fold(StyleProfile(), [*uploads, upload(99, 0)])
    summary = Summarizing(DEFAULT_RECENCY, INTERESTS, words=False).of(profile.uploads)
    return {*INTERESTS.held(summary.interests, summary.as_of)}


def test_it_needs_as_many_uploads_as_the_rule_says():
    assert held(upload(1, 1, "claim/organic")) == set()
    assert held(upload(1, 1, "claim/organic"), upload(2, 2, "claim/recycled")) == {"interest/sustainable"}


def test_an_upload_must_have_a_tag_of_each_group():
    assert held(upload(1, 1, "pattern/floral")) == set()
    assert held(upload(1, 1, "pattern/floral"), upload(2, 1, "occasion/beach")) == set()
    assert held(upload(1, 1, "pattern/floral", "occasion/beach")) == {"interest/vacation"}


def test_the_same_upload_twice_counts_once():
    one = upload(1, 1, "claim/organic")

    assert held(one, one) == set()


def test_uploads_outside_the_window_do_not_count():
    recent = upload(1, 1, "claim/organic")

    assert held(recent, upload(2, 180, "claim/organic")) == set()
    assert held(recent, upload(2, 179.9, "claim/organic")) == {"interest/sustainable"}


histories = st.lists(
    st.builds(
        upload,
        st.integers(0, 6),
        st.floats(0, 400),
        st.sampled_from(["claim/organic", "claim/recycled", "pattern/floral"]),
        st.sampled_from(["occasion/beach", "style/vintage"]),
    ),
    max_size=8,
)


@given(histories, st.randoms())
def test_the_order_of_uploads_does_not_matter(history, random):
    assert held(*random.sample(history, len(history))) == held(*history)


@given(histories, st.sampled_from(["claim/organic", "occasion/beach"]))
def test_another_upload_never_takes_an_interest_away(history, tag):
    assert held(*history) <= held(*history, upload(7, 0, tag))
