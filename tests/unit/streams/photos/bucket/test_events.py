"""Whose upload an object is, as its key says it by a template."""

from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.photos.bucket.events import Ids, KeyTemplate, NotifiedBucket, ObjectPlace, StoredObject
from streams.photos.keys import segment

PLAIN = KeyTemplate("uploads/{shopper_id}/{upload_id}.{ext}")


def place(key: str, e_tag: str = "e") -> ObjectPlace:
    return ObjectPlace(
        bucket=NotifiedBucket(name="b"), object=StoredObject.model_validate({"key": quote_plus(key), "eTag": e_tag})
    )


@pytest.mark.parametrize(
    ("template", "key", "ids"),
    [
        ("uploads/{shopper_id}/{upload_id}.{ext}", "uploads/s1/u1.jpg", ("s1", "u1")),
        ("uploads/{shopper_id}/{upload_id}.{ext}", "uploads/s1/2026/u1.jpg", None),
        ("uploads/{shopper_id}/{upload_id}.{ext}", "uploads/s1/u1", None),
        ("uploads/{shopper_id}/{upload_id}.{ext}", "uploads//u1.jpg", None),
        ("uploads/{shopper_id}/{upload_id}.{ext}", "Xuploads/s1/u1.jpg", None),
        ("{year}/{shopper_id}-{upload_id}", "2026/s1-u1", ("s1", "u1")),
        ("a.b/{shopper_id}/{upload_id}", "aXb/s1/u1", None),
    ],
)
def test_a_key_is_read_by_the_template_or_not_at_all(template: str, key: str, ids: Any):
    assert KeyTemplate(template).read(place(key)) == (None if ids is None else Ids(*ids))


def test_without_an_id_in_the_key_an_upload_is_known_by_its_address_and_content():
    template = KeyTemplate("{shopper_id}/{name}")
    first, again = template.read(place("s1/a.jpg")), template.read(place("s1/a.jpg"))
    others = [template.read(place("s2/a.jpg")), template.read(place("s1/b.jpg")), template.read(place("s1/a.jpg", "f"))]
    assert first == again
    assert first is not None
    assert len({first.upload_id, *(one.upload_id for one in others if one)}) == 4


@pytest.mark.parametrize("template", ["", "uploads/{upload_id}", "{shopper_id}/{shopper_id}"])
def test_a_template_that_names_no_shopper_is_refused(template: str):
    with pytest.raises(ValueError, match="shopper_id"):
        KeyTemplate(template)


@given(
    st.text(st.characters(exclude_categories=["C"]), min_size=1),
    st.text(st.characters(exclude_categories=["C"]), min_size=1),
)
def test_the_key_of_a_stored_photo_is_read_as_the_same_upload(shopper_id: str, upload_id: str):
    key = f"uploads/{segment(shopper_id)}/{segment(upload_id)}.jpg"
    assert PLAIN.read(place(key)) == Ids(shopper_id, upload_id)
