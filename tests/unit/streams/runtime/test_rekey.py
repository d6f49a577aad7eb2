"""Uploads of a producer with its own partitioner come out by the shopper's id, unchanged."""

import json

import pytest
from typer.testing import CliRunner

from schemas.codec import Headers, decode
from schemas.events import PhotoUploaded
from schemas.topics import topics
from streams.cli.main import app
from streams.config.settings import Settings
from streams.flow import flow_of
from streams.kafka.topics import designed
from streams.operations.dead_letters import dlq_topics
from streams.runtime.stage import Record
from streams.runtime.track import Delivery, Partition
from streams.wiring.assembly import bind
from streams.wiring.stages import rekey

TOPIC = "shop.uploads"
UPLOAD = {
    "upload_id": "u-1",
    "shopper_id": "s-42",
    "uploaded_at": "2026-11-22T12:00:00+08:00",
    "backfill": True,
    "photo": {"uri": "s3://photos/uploads/s-42/u-1.jpg", "content_type": "image/jpeg"},
    "identity": {"email": "mei@shop.cn"},
    "locale": "zh-CN",
}


async def test_each_upload_is_published_as_it_is_under_the_shopper_s_id():
    sent: list[tuple[str, bytes | None, bytes | None]] = []

    class Kafka:
        async def send(self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers) -> None:
            assert headers
            sent.append((topic, key, value))

    plan = rekey(Settings(rekey_topic=TOPIC))
    handle, _close = await plan.open_handler(None)  # type: ignore[arg-type] # it needs none
    stage = bind(plan, handle, Kafka())  # type: ignore[arg-type] # a fake
    for offset, value in enumerate([json.dumps(UPLOAD).encode(), b"no json"]):
        record = Record(key=b"the shop's own key", value=value, headers=[], timestamp=0.0)
        delivery = Delivery(Partition(TOPIC, 3), record.key, offset, record, attempts=1)
        assert await stage.process(delivery) is None
    (upload, letter) = sent
    assert upload[:2] == ("outfit.uploads", b"s-42")
    assert decode(PhotoUploaded, upload[2]) == decode(PhotoUploaded, json.dumps(UPLOAD).encode())
    assert letter == (f"{TOPIC}.dlq", b"the shop's own key", b"no json")


def test_the_topic_its_dead_letters_and_its_group_are_among_ours_once_it_is_named():
    without, named = Settings(), Settings(rekey_topic=TOPIC)
    assert {topic.name for topic in designed(named)} - {topic.name for topic in designed(without)} == {
        TOPIC,
        f"{TOPIC}.dlq",
    }
    assert flow_of(named).keys() - flow_of(without).keys() == {"rekey"}
    assert dlq_topics(named, TOPIC) == [f"{TOPIC}.dlq"]


@pytest.mark.parametrize(
    ("topic", "said"),
    [(None, "set HANGTAG_REKEY_TOPIC"), *((one.name, "again for ever") for one in topics().all())],
)
def test_a_topic_that_would_feed_itself_is_refused(monkeypatch, topic, said):
    if topic is not None:
        monkeypatch.setenv("HANGTAG_REKEY_TOPIC", topic)
    ended = CliRunner().invoke(app, ["worker", "rekey"])
    assert ended.exit_code == 2
    assert said in " ".join(ended.output.split())
