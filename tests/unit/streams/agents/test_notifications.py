"""Messages of buckets, as AWS and MinIO document them, become uploads, or say why not."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from aiohttp import web
from typer.testing import CliRunner

from schemas.codec import Headers, UndecodableError, decode
from schemas.events import Identity, PhotoUploaded
from schemas.outcomes import Later, Never
from streams.agents import notifications as agent
from streams.cli.main import app
from streams.config.settings import Settings
from streams.kafka.topics import designed
from streams.operations.dead_letters import dlq_topics
from streams.photos.bucket.events import KeyTemplate, Notification, ObjectPlace
from streams.photos.store import PhotoStore
from streams.runtime.dead_letters import read_letter
from streams.runtime.stage import Record
from streams.runtime.track import Delivery, Partition
from streams.wiring.assembly import bind, with_handler

#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html, "Example messages",
#: with a key of ours.
AWS = """
{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-west-2",
"eventTime":"1970-01-01T00:00:00.000Z","eventName":"ObjectCreated:Put",
"userIdentity":{"principalId":"AIDAJDPLRKLG7UEXAMPLE"},"requestParameters":{"sourceIPAddress":"127.0.0.1"},
"responseElements":{"x-amz-request-id":"C3D13FE58DE4C810",
"x-amz-id-2":"FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S/JRWeUWerMUE5JgHvANOjpD"},
"s3":{"s3SchemaVersion":"1.0","configurationId":"testConfigRule","bucket":{"name":"mybucket",
"ownerIdentity":{"principalId":"A3NL1KOZZKExample"},"arn":"arn:aws:s3:::mybucket"},
"object":{"key":"uploads/anna+%2B+bob/red%20dress.1.jpg","size":1024,"eTag":"d41d8cd98f00b204e9800998ecf8427e",
"versionId":"096fKKXTRTtl3on89fVO.nfljtsv6qko","sequencer":"0055AED6DCD90281E5"}}}]}
"""
#: Same page, "Test message".
AWS_TEST = """
{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2014-10-13T15:57:02.089Z","Bucket":"bucketname",
"RequestId":"5582815E1AEA5ADF","HostId":"8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE"}
"""
#: https://github.com/minio/minio/blob/master/docs/bucket/notifications/README.md, the NSQ section, with a key of ours.
MINIO = """
{"EventName":"s3:ObjectCreated:Put","Key":"mybucket/uploads/anna + bob/red dress.1.jpg","Records":[{
"eventVersion":"2.0","eventSource":"minio:s3","awsRegion":"","eventTime":"2018-10-31T09:31:11Z",
"eventName":"s3:ObjectCreated:Put","userIdentity":{"principalId":"21EJ9HYV110O8NVX2VMS"},
"requestParameters":{"sourceIPAddress":"10.1.1.1"},"responseElements":{"x-amz-request-id":"1562A792DAA53426",
"x-minio-origin-endpoint":"http://10.0.3.1:9000"},"s3":{"s3SchemaVersion":"1.0","configurationId":"Config",
"bucket":{"name":"mybucket","ownerIdentity":{"principalId":"21EJ9HYV110O8NVX2VMS"},"arn":"arn:aws:s3:::mybucket"},
"object":{"key":"uploads%2Fanna+%2B+bob%2Fred+dress.1.jpg","size":162023,
"eTag":"5337769ffa594e742408ad3f30713cd7","contentType":"image/jpeg","userMetadata":{"content-type":"image/jpeg"},
"versionId":"1","sequencer":"1562A792DAA53426"}},
"source":{"host":"","port":"","userAgent":"MinIO (linux; amd64) minio-go/v6.0.8 mc/DEVELOPMENT.GOGET"}}]}
"""
#: The day of AWS's example.
NOW = datetime(1970, 1, 1, 12, tzinfo=UTC)
announce = partial(agent.announce, now=lambda: NOW)
PLAIN = KeyTemplate("uploads/{shopper_id}/{upload_id}.{ext}")


def read(text: str) -> Notification:
    return decode(Notification, text.encode())


def changed(text: str, old: str, new: str) -> Notification:
    assert old in text
    return read(text.replace(old, new))


@pytest.fixture
async def bucket(monkeypatch) -> AsyncIterator[dict[str, dict[str, str]]]:
    """A bucket behind the needed part of S3's HTTP API: headers of objects by their paths."""
    objects: dict[str, dict[str, str]] = {}

    async def answer(request: web.Request) -> web.Response:
        headers = objects.get(request.path)
        common = {"ETag": '"e"', "Last-Modified": "Sun, 22 Nov 2026 12:00:00 GMT", "Content-Length": "5"}
        return web.Response(status=404) if headers is None else web.Response(headers=common | headers)

    server = web.Application()
    server.add_routes([web.get("/{path:.*}", answer)])
    runner = web.AppRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    for name, value in {
        "ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "ALLOW_HTTP": "true",
        "REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    yield objects
    await runner.cleanup()


PATH = "/mybucket/uploads/anna + bob/red dress.1.jpg"


@pytest.mark.parametrize(
    ("text", "at"), [(AWS, datetime(1970, 1, 1, tzinfo=UTC)), (MINIO, datetime(2018, 10, 31, 9, 31, 11, tzinfo=UTC))]
)
async def test_an_object_becomes_the_upload_its_key_names(bucket, text: str, at: datetime):
    bucket[PATH] = {"Content-Type": "image/jpeg"}
    store = PhotoStore("s3://mybucket", max_bytes=1000)

    (upload,) = await announce(read(text), template=PLAIN, store=store)

    assert upload == PhotoUploaded.model_validate(
        {
            "upload_id": "red dress.1",
            "shopper_id": "anna + bob",
            "uploaded_at": at,
            "photo": {"uri": "s3://mybucket/uploads/anna%20%2B%20bob/red%20dress.1.jpg", "content_type": "image/jpeg"},
        }
    )
    assert upload.identity == Identity(external_id="anna + bob")
    assert await announce(read(text), template=PLAIN, store=store) == (upload,), "told twice, it is the same upload"


async def test_metadata_says_how_klaviyo_knows_the_shopper(bucket):
    bucket[PATH] = {
        "x-amz-meta-email": "anna@shop.test",
        "x-amz-meta-klaviyo-id": "01ABC",
        "x-amz-meta-locale": "zh-CN",
    }

    (upload,) = await announce(read(AWS), template=PLAIN, store=PhotoStore("s3://mybucket", max_bytes=1000))

    assert upload.identity == Identity(klaviyo_id="01ABC", email="anna@shop.test")
    assert upload.locale == "zh-CN"


async def test_invalid_identity_metadata_is_reported_without_its_content(bucket):
    bucket[PATH] = {"x-amz-meta-email": "call me at 555"}

    answer = await announce(read(AWS), template=PLAIN, store=PhotoStore("s3://mybucket", max_bytes=1000))

    assert answer == Never("invalid-upload", "the object's key or metadata are not a valid upload: email")


async def test_a_missing_object_is_looked_for_a_few_times(bucket):
    answer = await announce(read(AWS), template=PLAIN, store=PhotoStore("s3://mybucket", max_bytes=1000))
    assert isinstance(answer, Later)
    assert (answer.reason, answer.tries) == ("photo-missing", 4)


async def test_an_object_that_was_read_and_deleted_holds_nothing_of_its_message_up(tmp_path, monkeypatch):
    store = PhotoStore(f"file:{tmp_path}", max_bytes=1000)
    # Buckets' addresses are S3's alone, but the stage uses a store on disk in the same way.
    monkeypatch.setattr(ObjectPlace, "uri", property(lambda one: f"file://{tmp_path}/{one.key}"))
    uris = [f"file://{tmp_path}/uploads/s1/{one}.jpg" for one in ("u1", "u2")]
    (tmp_path / "uploads" / "s1").mkdir(parents=True)
    for one in ("u1", "u2"):
        (tmp_path / "uploads" / "s1" / f"{one}.jpg").write_bytes(b"x")
    both = [json.loads(AWS.replace("anna+%2B+bob/red%20dress.1", f"s1/{one}"))["Records"][0] for one in ("u1", "u2")]
    await store.remove_read(uris[0], upload_id="u1")

    uploads = await announce(read(json.dumps({"Records": both})), template=PLAIN, store=store)

    assert [one.upload_id for one in uploads] == ["u2"]


@pytest.mark.parametrize(("age", "expired"), [(timedelta(days=5), False), (timedelta(days=6), True)])
async def test_an_object_that_expired_makes_no_dead_letter(bucket, age, expired):
    store = PhotoStore("s3://mybucket", max_bytes=1000)
    at = datetime(1970, 1, 1, tzinfo=UTC)
    answer = await agent.announce(read(AWS), template=PLAIN, store=store, now=lambda: at + age)
    assert (answer == ()) is expired


async def test_an_object_of_another_bucket_is_not_ours(bucket):
    answer = await announce(read(AWS), template=PLAIN, store=PhotoStore("s3://ours", max_bytes=1000))
    assert isinstance(answer, Never)
    assert answer.reason == "photo-not-ours"


@pytest.mark.parametrize(
    "notification",
    [
        read(AWS_TEST),
        read('{"Records": []}'),
        changed(AWS, "ObjectCreated:Put", "ObjectRemoved:Delete"),
        changed(AWS, "ObjectCreated:Put", "LifecycleExpiration:Delete"),
        changed(MINIO, "s3:ObjectCreated:Put", "s3:ObjectRemoved:Delete"),
        changed(MINIO, "s3:ObjectCreated:Put", "s3:ObjectAccessed:Get"),
    ],
)
async def test_notifications_without_a_new_object_are_ignored(tmp_path, notification):
    store = PhotoStore(f"file:{tmp_path}", max_bytes=1000)
    assert await announce(notification, template=PLAIN, store=store) == ()


@pytest.mark.parametrize("kind", ["Put", "Post", "Copy", "CompleteMultipartUpload"])
def test_each_way_to_put_an_object_there_counts(kind: str):
    assert changed(AWS, "ObjectCreated:Put", f"ObjectCreated:{kind}").created


async def test_one_unknown_key_keeps_its_whole_message_back(bucket):
    bucket[PATH] = {}
    both = json.loads(AWS)["Records"] + json.loads(AWS.replace("uploads/", "thumbnails/"))["Records"]

    answer = await announce(
        read(json.dumps({"Records": both})), template=PLAIN, store=PhotoStore("s3://mybucket", max_bytes=1000)
    )

    assert isinstance(answer, Never)
    assert answer.reason == "unknown-key"
    assert PLAIN.template in answer.message
    assert "thumbnails" not in answer.message, "keys hold ids of shoppers"


@pytest.mark.parametrize(
    "text", ["{}", "[]", "no json", '{"Records": 7}', '{"Event": "s3:Other"}', '{"Records": [{}]}']
)
def test_anything_else_is_no_notification(text: str):
    with pytest.raises(UndecodableError):
        read(text)


async def test_a_stage_keys_uploads_by_shopper_and_keeps_the_bytes_of_invalid_messages(bucket):
    sent: list[tuple[str, bytes | None, bytes | None, Headers]] = []

    class Kafka:
        async def send(self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers) -> None:
            sent.append((topic, key, value, headers))

    bucket[PATH] = {}
    settings = Settings(notifications_topic="shop.bucket-events")
    handle = partial(announce, template=PLAIN, store=PhotoStore("s3://mybucket", max_bytes=1000))
    plan = replace(with_handler("notifications", settings, handle), reads=Notification)
    stage = bind(plan, handle, Kafka())  # type: ignore[arg-type] # a fake
    at = Partition("shop.bucket-events", 3)
    strange = MINIO.replace("uploads", "thumbnails").encode()
    for offset, value in enumerate([MINIO.encode(), AWS_TEST.encode(), strange, b"no json"]):
        record = Record(key=b"mybucket/k", value=value, headers=[("x", b"1")], timestamp=0.0)
        assert await stage.process(Delivery(at, record.key, offset, record, attempts=1)) is None

    assert [(topic, key) for topic, key, _, _ in sent] == [
        ("outfit.uploads", b"anna + bob"),
        ("shop.bucket-events.dlq", b"mybucket/k"),
        ("shop.bucket-events.dlq", b"mybucket/k"),
    ]
    assert [value for _, _, value, _ in sent[1:]] == [strange, b"no json"]
    letters = [read_letter(headers) for _, _, _, headers in sent[1:]]
    assert [letter.reason for letter in letters if letter] == ["unknown-key", "not-json"]


def test_the_topic_and_its_dead_letters_are_among_ours_once_it_is_named():
    without, named = Settings(), Settings(notifications_topic="shop.bucket-events")
    assert [topic.name for topic in designed(named)[len(designed(without)) :]] == [
        "shop.bucket-events",
        "shop.bucket-events.dlq",
    ]
    assert dlq_topics(named, "shop.bucket-events") == dlq_topics(named, "shop.bucket-events.dlq")
    assert dlq_topics(named, "uploads") == dlq_topics(named, "outfit.uploads.dlq") == ["outfit.uploads.dlq"]
    with pytest.raises(ValueError, match=r"shop\.bucket-events"):
        dlq_topics(without, "shop.bucket-events")


@pytest.mark.parametrize(
    ("environment", "said"),
    [({}, "set HANGTAG_NOTIFICATIONS_TOPIC"), ({"HANGTAG_NOTIFICATIONS_KEY": "a/{b}"}, "HANGTAG_NOTIFICATIONS_KEY: ")],
)
def test_a_stage_that_has_nothing_to_read_does_not_start(monkeypatch, environment: dict[str, str], said: str):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ended = CliRunner().invoke(app, ["worker", "notifications"])
    assert ended.exit_code == 2
    assert said in ended.output
