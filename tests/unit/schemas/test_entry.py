"""Text that enters is printable, and an address is one that a mail server takes."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.emitter import Emitter
from schemas.entry import unfit_field
from schemas.events import Identity, Photo, PhotoUploaded
from schemas.outcomes import Never
from schemas.producer import Upload, UploadProducer
from schemas.steering import escaped

STEERING = ["\x1b[2J", "\x00", "\n", "\x9b", "\u202e", "\u2066", "\u2028", "\u2029", "\u200f", "\ufeff", "\u061c"]


def upload(email: str | None = None, **fields: str) -> PhotoUploaded:
    identity = {name: fields.pop(name) for name in ("klaviyo_id", "external_id") if name in fields}
    known = {"upload_id": "u", "shopper_id": "s", "uploaded_at": datetime(2026, 11, 22, tzinfo=UTC)} | fields
    photo = Photo.model_construct(uri="s3://b/u.jpg", content_type=known.pop("content_type", None), sha256=None)
    names = Identity.model_construct(klaviyo_id=None, external_id=None, email=email)
    names = names.model_copy(update=identity)
    return PhotoUploaded.model_construct(photo=photo, identity=names, locale=known.pop("locale", None), **known)


@pytest.mark.parametrize("steers", STEERING, ids=ascii)
@pytest.mark.parametrize("field", ["upload_id", "shopper_id", "klaviyo_id", "external_id", "locale", "content_type"])
def test_no_displayed_field_contains_control_characters(field, steers):
    assert unfit_field(upload(**{field: f"a{steers}b"})).endswith(field)
    assert unfit_field(upload(**{field: "店 a-1_é 👩‍🦰"})) is None


@pytest.mark.parametrize(
    "address",
    [
        *(f"a{one}@shop.cn" for one in STEERING),
        *(f"a@sh{one}op.cn" for one in STEERING),
        "a@shop",
        "a@shop.",
        "a@.cn",
        "a@b@shop.cn",
        "a b@shop.cn",
        "<a@shop.cn>",
        "a@shop.cn,b@shop.cn",
        '"a"@shop.cn',
        "@shop.cn",
        "a@",
    ],
    ids=ascii,
)
def test_text_that_no_mail_server_accepts_is_no_address(address):
    assert unfit_field(upload(address)) == "identity.email"


@pytest.mark.parametrize("address", ["a@shop.cn", "a.b+c@mail.shop.co.uk", "用户@例子.中国", "o'neil_x-1@shop-2.com"])
def test_addresses_of_any_script_are_accepted(address):
    assert unfit_field(upload(address)) is None


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"shopper_id": "a\u202eb"}, "shopper_id"),
        ({"upload_id": "u\u2028"}, "upload_id"),
        ({"identity": {"email": "a\x1b@shop.cn"}}, "email"),
        ({"identity": {"email": "a\x00@shop.cn"}}, "email"),
        ({"locale": "zh\u2066"}, "locale"),
    ],
)
async def test_the_producer_refuses_it_before_anything_is_stored(fields, named):
    class Untouched:
        async def put(self, **_: object) -> str:
            raise AssertionError("stored")

    producer = UploadProducer(Emitter({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}), Untouched())
    answer = await producer.publish(Upload(photo=b"p", **{"shopper_id": "s"} | fields))
    await producer.aclose()
    assert isinstance(answer, Never)
    assert named in answer.message
    assert answer.message.isprintable()


@given(st.text(st.characters()))
def test_escaped_text_has_no_control_characters_and_reads_the_same(text):
    shown = escaped(text)
    assert escaped(shown) == shown
    assert not any(one in shown for one in ("\x1b", "\n", "\x9b", "\u202e", "\u2028", "\u2066", "\x00", "\x7f"))
    shown.encode()
