"""Events survive the way over Kafka; everything else is refused with a reason and without quoting it."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import UndecodableError, decode, encode
from schemas.events import Identity, OutfitTagged, Photo, PhotoUploaded

ids = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40)
uploads = st.builds(
    PhotoUploaded,
    upload_id=ids,
    shopper_id=ids,
    uploaded_at=st.datetimes(
        min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(timezone(timedelta(hours=8)))
    ),
    backfill=st.booleans(),
    photo=st.builds(Photo, uri=st.just("s3://b/k"), sha256=st.none() | st.just("a" * 64), content_type=st.none()),
    identity=st.builds(Identity, external_id=ids, email=st.none() | st.just("a@b.co")),
    locale=st.none() | st.just("zh-CN"),
)
VALID = {
    "upload_id": "u1",
    "shopper_id": "s1",
    "uploaded_at": "2026-11-22T08:00:00+08:00",
    "photo": {"uri": "s3://b/k"},
}


@given(uploads)
def test_an_event_comes_back_as_it_went(event):
    value, headers = encode(event, source="test")
    assert decode(PhotoUploaded, value) == event
    found = dict(headers)
    assert found["ce_id"] == event.upload_id.encode()
    assert found["ce_type"] == b"hangtag.photo-uploaded.v1"
    assert found["ce_specversion"] == b"1.0"
    assert found["content-type"] == b"application/json"
    assert datetime.fromisoformat(found["ce_time"].decode()) == event.uploaded_at


def test_the_shopper_id_stands_in_for_a_missing_identity():
    assert decode(PhotoUploaded, json.dumps(VALID).encode()).identity == Identity(external_id="s1")


def test_unknown_fields_are_ignored():
    event = decode(PhotoUploaded, json.dumps(VALID | {"future": {"field": 1}}).encode())
    assert event.uploaded_at == datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "tombstone"),
        (b"", "not-json"),
        (b"{", "not-json"),
        (json.dumps(VALID | {"uploaded_at": "9999-12-31T23:00:00-12:00"}).encode(), "invalid-event"),
        (json.dumps(VALID | {"uploaded_at": "0001-01-01T00:00:00+12:00"}).encode(), "invalid-event"),
        (b"\xff\xfe", "not-json"),
        (b'"x"', "not-json"),
        (b"[" * 100_000, "not-json"),
        (json.dumps(VALID | {"schema_version": 2}).encode(), "unknown-version"),
        (json.dumps(VALID | {"schema_version": "secret"}).encode(), "unknown-version"),
        (json.dumps({k: v for k, v in VALID.items() if k != "photo"}).encode(), "invalid-event"),
        (json.dumps(VALID | {"uploaded_at": "2026-11-22T08:00:00"}).encode(), "invalid-event"),
        (json.dumps(VALID | {"upload_id": "a\nb"}).encode(), "invalid-event"),
        (json.dumps(VALID | {"upload_id": "x" * 129}).encode(), "invalid-event"),
        (json.dumps(VALID | {"shopper_id": ""}).encode(), "invalid-event"),
        (json.dumps(VALID | {"identity": {}}).encode(), "invalid-event"),
    ],
)
def test_bytes_that_are_no_event_are_refused_with_a_reason(value, reason):
    with pytest.raises(UndecodableError) as refused:
        decode(PhotoUploaded, value)
    assert refused.value.reason == reason


def test_a_refusal_names_the_field_and_never_quotes_the_input():
    planted = json.dumps(VALID | {"identity": {"email": "planted secret"}}).encode()
    with pytest.raises(UndecodableError) as refused:
        decode(PhotoUploaded, planted)
    assert "identity.email" in str(refused.value)
    assert "planted" not in str(refused.value)


def test_contact_data_and_recognised_text_stay_out_of_reprs():
    assert "a@b.co" not in repr(Identity(email="a@b.co"))


@pytest.mark.parametrize(("backfill", "taken"), [(True, True), (False, False)])
def test_only_a_correction_may_say_that_no_tag_is_left(backfill, taken):
    value = json.dumps(
        {
            "schema_version": 1,
            "upload_id": "u1",
            "shopper_id": "s1",
            "uploaded_at": "2026-11-22T12:00:00Z",
            "backfill": backfill,
            "identity": {"external_id": "s1"},
            "tags": [],
            "lexicon_version": "v1",
            "engine": {"name": "rapid", "model": "m", "revision": "1"},
            "tagged_at": "2026-11-22T12:00:01Z",
        }
    ).encode()
    if taken:
        assert decode(OutfitTagged, value).tags == ()
    else:
        with pytest.raises(UndecodableError, match="correction"):
            decode(OutfitTagged, value)
