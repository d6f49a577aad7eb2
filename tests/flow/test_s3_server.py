"""Photos in a real S3 server: stored, read, encrypted, refused, and announced by their bucket's notifications."""

from datetime import timedelta
from functools import partial
from urllib.parse import quote

import pytest
from s3_server import object_path

from schemas.codec import decode
from schemas.events import Identity
from schemas.outcomes import Later, Misconfigured, Never
from streams.agents import notifications as agent
from streams.photos.answers import StoreError
from streams.photos.bucket.events import KeyTemplate, Notification
from streams.photos.keys import key_of
from streams.photos.store import PhotoStore, TooLarge
from streams.wiring.clock import now

SECRET = "planted/secret+of/the=store"
KMS_KEY = "arn:aws:kms:eu-central-1:123456789012:key/abcd"
announce = partial(agent.announce, template=KeyTemplate("uploads/{shopper_id}/{upload_id}.{ext}"), now=now)


async def everything(store: PhotoStore, uri: str) -> dict[str, object]:
    """Ask a store for all it can do; returns its answers, and failures raised as if they were answers."""

    async def listed() -> object:
        try:
            return [one.key async for some in store.find("uploads") for one in some]
        except StoreError as error:
            return error.failure

    async def looked_up() -> object:
        try:
            return await store.stored(uri)
        except StoreError as error:
            return error.failure

    return {
        "put": await store.put(shopper_id="s", upload_id="u", suffix=".jpg", photo=b"x"),
        "get": await store.get(uri),
        "labels": await store.labels(uri),
        "find": await listed(),
        "stored": await looked_up(),
        "remove_read": await store.remove_read(uri, upload_id="u"),
        "remove": await store.remove(uri),
    }


@pytest.mark.parametrize("style", ["path", "virtual hosted"])
async def test_a_photo_is_stored_read_listed_and_removed(s3, s3_environment, bucket, style: str):
    server = f"/{bucket}"
    if style == "virtual hosted":
        for name, value in s3.virtual_hosted(bucket).items():
            s3_environment.setenv(name, value)
            server = value if name == "AWS_ENDPOINT" else server
    store = PhotoStore(f"s3://{bucket}/shop", max_bytes=10)
    uris = [
        await store.put(shopper_id="张 三+", upload_id=one, suffix=".JPG", photo=b"x" * size)
        for one, size in (("u1", 3), ("u/2", 11))
    ]
    assert all(isinstance(uri, str) and uri.startswith(f"s3://{bucket}/shop/uploads/") for uri in uris)
    assert [await store.get(uri) for uri in uris] == [b"xxx", TooLarge(11)]
    found = [one async for some in store.find("uploads") for one in some]
    assert sorted(one.size for one in found) == [3, 11]
    assert all(abs(one.stored_at - now()) < timedelta(minutes=1) for one in found)
    assert await store.remove_read(uris[0], upload_id="u1") is None
    assert (await store.was_read(uris[0], upload_id="u1"), await store.was_read(uris[0], upload_id="u2")) == (
        True,
        False,
    )
    assert [one.key.partition("/")[0] for one in await store.stored(uris[0])] == ["read"]
    await store.remove_all(found)
    assert await store.remove(uris[1]) is None
    assert [key.partition("/")[2].partition("/")[0] for key in s3.keys(bucket)] == ["read"]
    assert f'"PUT {server}/shop/uploads/' in s3.log.read_text()


async def test_a_missing_photo_is_later_and_a_missing_bucket_is_misconfigured(bucket):
    # Its name sounds like an answer of S3, and is none.
    name = quote("Server returned non-2xx status code: 403 Forbidden: <Error><Code>NoSuchBucket</Code>.jpg")
    store, uri = PhotoStore(f"s3://{bucket}", max_bytes=10), f"s3://{bucket}/uploads/{name}"
    assert [(one.reason, one.tries) for one in (await store.get(uri), await store.labels(uri))] == [
        ("photo-missing", 4)
    ] * 2
    assert (await store.remove(uri), await store.stored(uri), await store.was_read(uri, upload_id="v")) == (
        None,
        [],
        False,
    )

    answers = await everything(PhotoStore("s3://never-made", max_bytes=10), "s3://never-made/uploads/s/u.jpg")

    assert {name: type(one) for name, one in answers.items()} == dict.fromkeys(answers, Misconfigured)
    assert all("NoSuchBucket" in one.message for one in answers.values())


async def test_a_refused_key_is_reported_without_secrets_for_every_operation(s3, s3_environment, bucket):
    uri = f"s3://{bucket}/{key_of(day=now().date(), shopper_id='s', upload_id='u', suffix='.jpg')}"
    with s3.only("PutObject", "GetObject", "DeleteObject", "ListBucket") as (key_id, secret):
        s3_environment.setenv("AWS_ACCESS_KEY_ID", key_id)
        answers = await everything(PhotoStore(f"s3://{bucket}", max_bytes=10), uri)
        assert {name: type(one) for name, one in answers.items()} == dict.fromkeys(answers, Misconfigured)
        assert {one.reason for one in answers.values()} == {"store-refused"}
        assert "SignatureDoesNotMatch" in answers["find"].message
        assert not any(part in str(answers) for part in (SECRET, key_id, "uploads/"))

        s3_environment.setenv("AWS_SECRET_ACCESS_KEY", secret)
        answers = await everything(PhotoStore(f"s3://{bucket}", max_bytes=10), uri)
        assert not any(isinstance(one, Misconfigured | Later | Never) for one in answers.values())
    with s3.only("PutObject", "ListBucket") as (key_id, secret):
        s3_environment.setenv("AWS_ACCESS_KEY_ID", key_id)
        s3_environment.setenv("AWS_SECRET_ACCESS_KEY", secret)
        answers = await everything(PhotoStore(f"s3://{bucket}", max_bytes=10), uri)
        refused = {name for name, one in answers.items() if isinstance(one, Misconfigured)}
        assert refused == {"get", "labels", "stored", "remove_read", "remove"}
        # The bucket took the list of what to delete, and refused each.
        assert "AccessDenied" in answers["remove"].message


@pytest.mark.parametrize("name", ["a%0Ab", "a%7Fb", "a//b", "x" * 1012, "张" * 338])
async def test_no_address_that_cannot_be_keeps_an_upload_waiting(bucket, name: str):
    store, uri = PhotoStore(f"s3://{bucket}", max_bytes=10), f"s3://{bucket}/uploads/{name}"
    assert [one.reason for one in (await store.get(uri), await store.labels(uri))] == ["photo-not-ours"] * 2
    answer = await store.put(shopper_id="张" * 200, upload_id="u", suffix=".jpg", photo=b"x")
    assert (type(answer), answer.reason) == (Never, "invalid-upload")


async def test_a_bucket_returns_its_time_to_a_client_that_may_write(s3, bucket, monkeypatch):
    store = PhotoStore(f"s3://{bucket}", max_bytes=10)
    told = await store.time()
    assert abs(told - now()) < timedelta(minutes=1)
    # Its probe is a mark: swept as they are, and no photo.
    assert s3.keys(bucket) == ["read/.time"]
    with s3.only("GetObject", "DeleteObject", "ListBucket") as (key_id, secret):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key_id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        assert await PhotoStore(f"s3://{bucket}", max_bytes=10).time() is None


async def test_an_object_with_an_invalid_name_is_reported_and_is_no_outage(s3, bucket):
    s3.send("PUT", f"{bucket}/uploads//u.jpg", content=b"x")
    with pytest.raises(StoreError) as told:
        _ = [one async for one in PhotoStore(f"s3://{bucket}", max_bytes=10).find("uploads")]
    assert told.value.failure.reason == "store-odd-key"


@pytest.mark.parametrize(
    ("settings", "headers"),
    [
        ({"AWS_SERVER_SIDE_ENCRYPTION": "AES256"}, {"": "AES256"}),
        (
            {
                "AWS_SERVER_SIDE_ENCRYPTION": "aws:kms",
                "AWS_SSE_KMS_KEY_ID": KMS_KEY,
                "AWS_SSE_BUCKET_KEY_ENABLED": "true",
            },
            {"": "aws:kms", "-aws-kms-key-id": KMS_KEY, "-bucket-key-enabled": "true"},
        ),
    ],
)
async def test_photos_and_marks_are_encrypted_as_the_operator_says(s3, s3_environment, bucket, settings, headers):
    for name, value in settings.items():
        s3_environment.setenv(name, value)
    store = PhotoStore(f"s3://{bucket}", max_bytes=10)
    uri = await store.put(shopper_id="s", upload_id="u", suffix=".jpg", photo=b"photo")
    assert await store.get(uri) == b"photo"
    key = uri.removeprefix(f"s3://{bucket}/")
    stored = s3.send("HEAD", f"{bucket}/{key}").headers
    assert await store.remove_read(uri, upload_id="u") is None
    mark = s3.send("HEAD", f"{bucket}/read/{key}").headers
    for name, value in headers.items():
        assert [one[f"x-amz-server-side-encryption{name}"] for one in (stored, mark)] == [value] * 2


async def test_a_buckets_notifications_become_uploads(s3, bucket):
    store, queue = PhotoStore(f"s3://{bucket}", max_bytes=10), s3.make_queue(bucket)
    key = "uploads/王 芳 + co%2F#1/red dress+连衣裙.2.jpg"
    labels = {"x_amz_meta_email": "mei@shop.cn", "x_amz_meta_klaviyo_id": "01ABC", "x_amz_meta_locale": "zh-CN"}
    for photo in (b"red", b"redder"):
        s3.send("PUT", object_path(bucket, key), content=photo, content_type="image/jpeg", **labels)
    s3.send("PUT", object_path(bucket, "uploads/s/u.jpg"), content=b"x")
    s3.send("DELETE", object_path(bucket, "uploads/s/u.jpg"))

    told = [decode(Notification, body) for body in s3.messages(queue)]
    answers = [await announce(one, store=store) for one in told]

    assert [one.event or one.records[0].name for one in told] == [
        "s3:TestEvent",
        *["ObjectCreated:Put"] * 3,
        "ObjectRemoved:Delete",
    ]
    test, (first,), (second,), gone, removed = answers
    assert (test, removed) == ((), ())
    assert (first.upload_id, first.shopper_id) == ("red dress+连衣裙.2", "王 芳 + co%2F#1")
    assert (first.identity, first.locale) == (Identity(klaviyo_id="01ABC", email="mei@shop.cn"), "zh-CN")
    assert first.photo.content_type == "image/jpeg"
    assert abs(first.uploaded_at - now()) < timedelta(minutes=1)
    assert await store.get(first.photo.uri) == b"redder"
    assert second == first.model_copy(update={"uploaded_at": second.uploaded_at}), "put again: the same upload"
    assert await announce(told[1], store=store) == (first,), "told again: the same event"
    assert (type(gone), gone.reason) == (Later, "photo-missing")
