"""An upload's entry: the same for any order and repetition of its messages, and bounded."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outfits import NOON, outfit

from schemas.codec import encode
from schemas.events import Identity, OutfitTagged, Photo, PhotoUploaded, ProfileSynced
from schemas.topics import Topic, topics
from streams.index.claims import claimed, comparable, digest_of_name, digest_of_photo
from streams.index.entry import MOST_PLACES, Entry, noted, of_row, sighting, to_row
from streams.kafka.reader import Seen

NAMES = topics()
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def uploaded(uri: str = "file:p", identity: Identity | None = None, **ids: str) -> PhotoUploaded:
    ids = {"upload_id": "u1", "shopper_id": "s1"} | ids
    photo = Photo(uri=uri, sha256="a" * 64)
    return PhotoUploaded(
        **ids, uploaded_at=NOON, photo=photo, identity=identity or Identity(external_id=ids["shopper_id"])
    )


SYNCED = ProfileSynced(
    upload_id="u1",
    shopper_id="s1",
    uploaded_at=NOON,
    outcome="written",
    lane="single",
    profile_version=1,
    synced_at=NOON,
)


def lies(topic: Topic, event: PhotoUploaded | OutfitTagged | ProfileSynced, offset: int, at: float = 0) -> Seen:
    value, headers = encode(event, source="test")
    return Seen(topic.name, 0, offset, NOON.timestamp() + at, event.shopper_id.encode(), value, headers)


CHAIN = [
    (NAMES.uploads, lies(NAMES.uploads, uploaded(), 3)),
    (NAMES.tags, lies(NAMES.tags, outfit(), 5, 1)),
    (NAMES.profiles, lies(NAMES.profiles, SYNCED, 7, 2)),
]


def entry_of(messages: list[tuple[Topic, Seen]]) -> Entry:
    entry = None
    for topic, seen in messages:
        found = sighting(topic, seen)
        assert found is not None
        # Through the database between every two.
        entry = of_row(to_row(noted(entry, found, now=NOW)))
    assert entry is not None
    return entry


@given(st.permutations([*CHAIN, CHAIN[1]]))
def test_order_and_repetition_change_nothing(messages):
    entry, plain = entry_of(messages), entry_of(CHAIN)
    assert (entry.status, entry.seen_at) == (plain.status, plain.seen_at)
    assert sorted(entry.places) == sorted(plain.places)
    assert (entry.status.step, entry.status.final, entry.status.sha256) == ("synced", True, "a" * 64)


def test_an_upload_that_is_published_for_ever_takes_no_more_room():
    many = [(NAMES.uploads, lies(NAMES.uploads, uploaded(), offset)) for offset in range(MOST_PLACES + 5)]
    entry = entry_of(many)
    assert entry.more
    assert len(entry.places) == MOST_PLACES
    assert {(NAMES.uploads.name, 0, 0), (NAMES.uploads.name, 0, MOST_PLACES + 4)} < set(entry.places)
    assert not entry_of(many[:MOST_PLACES]).more


def test_a_time_in_the_future_does_not_count():
    entry = entry_of([(NAMES.uploads, lies(NAMES.uploads, uploaded(), 0, at=10**9))])
    assert entry.seen_at == entry.status.changed_at == NOW


def test_bytes_of_strangers_are_of_no_upload_and_those_with_our_header_are():
    assert sighting(NAMES.uploads, Seen("t", 0, 0, 0, b"s1", b"\xff\x00", [])) is None
    assert sighting(NAMES.uploads, Seen("t", 0, 0, 0, b"s\x00", b"{}", [("ce_id", b"u1")])) is None
    assert sighting(NAMES.uploads, Seen("t", 0, 0, 0, b"s1", b"{}", [("ce_id", b"u" * 129)])) is None
    found = sighting(NAMES.uploads, Seen("t", 0, 0, 0, b"s1", b"{}", [("ce_id", b"u1")]))
    assert found is not None
    assert (found.key, found.event) == (("u1", "s1"), None)
    dead = sighting(NAMES.uploads_dlq, Seen("t", 0, 0, 0, None, b'{"upload_id": "u1", "shopper_id": "s1"}', []))
    assert dead is not None
    assert dead.key == ("u1", "s1")


@pytest.mark.parametrize("folder", ["uploads", "uploads/by.day/2026-11-30"])
def test_only_names_and_photos_beyond_a_shoppers_own_are_claims(folder):
    own = f"s3://b/photos/{folder}/s1/u1.jpg"
    assert claimed(uploaded(own)) == set()
    assert claimed(SYNCED) == set()
    theirs = f"s3://b/photos/{folder}/s2/u1.jpg"
    assert claimed(uploaded(theirs)) == {digest_of_photo(theirs)}
    named = Identity(email="A@b.cn", external_id="s1")
    assert claimed(uploaded(own, named)) == {digest_of_name(("email", "a@B.cn"))}
    assert claimed(outfit(identity=Identity(external_id="s2"))) == {digest_of_name(("external_id", "s2"))}
    assert comparable(("id", "A")) != comparable(("id", "a"))
