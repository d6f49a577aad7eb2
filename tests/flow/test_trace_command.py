"""`hangtag trace` tells one upload's life from the topics of an embedded broker."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner, Result

from schemas.codec import encode
from schemas.events import (
    DeadLetter,
    Engine,
    Event,
    Evidence,
    Identity,
    Labels,
    OutfitTagged,
    Photo,
    PhotoRead,
    PhotoUploaded,
    ProfileSynced,
    Quality,
    Tag,
    TextRecognized,
)
from schemas.topics import Topics, topics
from streams.cli.main import app
from streams.config.settings import Settings
from streams.kafka.embedded.broker import EmbeddedBroker
from streams.kafka.partitioner import partition_of
from streams.operations.dead_letters import oldest_open, replay, whole
from streams.runtime.dead_letters import letter_headers
from streams.wiring.kafka import make_emitter

NOW = datetime(2026, 11, 22, tzinfo=UTC)
EMAIL = "li.na@her-shop.cn"
TEXT = "100% SECRET COTTON"
NAMES: Topics = topics()
PARTITIONS = 2
AHEAD = "2099-01-01T00:00:00Z"
#: A shopper on the other partition.
ELSEWHERE = next(
    f"x{n}" for n in range(99) if partition_of(f"x{n}".encode(), PARTITIONS) != partition_of(b"s1", PARTITIONS)
)


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    with EmbeddedBroker({topic.name: PARTITIONS for topic in NAMES.all()}) as broker:
        settings = Settings(bootstrap_servers=broker.bootstrap_servers)
        asyncio.run(fill(settings))
        yield settings


def events(upload_id: str) -> tuple[PhotoUploaded, TextRecognized, OutfitTagged, ProfileSynced]:
    engine, identity = Engine(name="rapid", model="m", revision="1"), Identity(email=EMAIL)
    uploaded = PhotoUploaded(
        upload_id=upload_id, shopper_id="s1", uploaded_at=NOW, photo=Photo(uri="file:///p.jpg"), identity=identity
    )
    line = {"text": TEXT, "bbox": (0, 0, 9, 9)}
    read = TextRecognized(
        **uploaded.carried(),
        photo=PhotoRead(uri="file:///p.jpg", sha256="0" * 64, width=9, height=9),
        identity=identity,
        texts=({**line, "score": 0.9},),
        quality=Quality(verdict="ok", sharpness=9),
        engine=engine,
        recognized_at=NOW,
    )
    cotton = Tag(
        id="material/cotton",
        category="material",
        value="cotton",
        labels=Labels(en="cotton", zh="棉"),
        score=0.9,
        evidence=(Evidence(**line, rule="cotton", line=0),),
    )
    tagged = OutfitTagged(
        **uploaded.carried(), identity=identity, tags=(cotton,), lexicon_version="1" * 64, engine=engine, tagged_at=NOW
    )
    synced = ProfileSynced(**uploaded.carried(), outcome="written", lane="single", profile_version=1, synced_at=NOW)
    return uploaded, read, tagged, synced


async def fill(settings: Settings) -> None:
    emitter = make_emitter(settings)

    async def send(topic: str, event: Event, stage: str) -> None:
        value, headers = encode(event, source=f"hangtag/{stage}")
        assert await emitter.send(topic, key=b"s1", value=value, headers=headers) is None

    async def bury(upload_id: str) -> None:
        await send(NAMES.uploads.name, events(upload_id)[0], "upload")
        value, headers = encode(events(upload_id)[0], source="hangtag/upload")
        letter = DeadLetter(
            topic=NAMES.uploads.name,
            partition=0,
            offset=0,
            stage="recognize",
            exception_class="schemas.outcomes.Never",
            message="the photo is gone from the store",
            reason="photo-missing",
            attempts=2,
        )
        dead = letter_headers(headers, letter)
        assert await emitter.send(f"{NAMES.uploads.name}.dlq", key=b"s1", value=value, headers=dead) is None

    topic_of = (NAMES.uploads.name, NAMES.texts.name, NAMES.tags.name, NAMES.profiles.name)
    for topic, event, stage in zip(topic_of, events("u1"), ("upload", "recognize", "tag", "sync"), strict=True):
        await send(topic, event, stage)
        await asyncio.sleep(0.002)
    # Its id begins with the other's.
    await bury("u1-replayed")
    assert await replay(whole(settings, oldest_open(settings)[0]), emitter) is None
    await bury("u1-dead")
    await emitter.aclose()


def trace(settings: Settings, tmp_path, *arguments: str) -> Result:
    environment = {
        "HANGTAG_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "HANGTAG_STATE_URL": f"sqlite:///{tmp_path}/none.db",
        "COLUMNS": "200",
    }
    return CliRunner().invoke(app, ["trace", *arguments], env=environment)


def lines(told: Result) -> list[dict]:
    assert told.exit_code == 0, told.output
    return [json.loads(line) for line in told.stdout.splitlines()]


def test_trace_shows_every_message_with_its_stage_and_klaviyos_body(settings, tmp_path):
    *steps, klaviyo, standing = lines(trace(settings, tmp_path, "u1", "--json"))
    assert [(step["stage"], step["what"]) for step in steps] == [
        ("upload", "PhotoUploaded"),
        ("recognize", "TextRecognized"),
        ("tag", "OutfitTagged"),
        ("sync", "ProfileSynced"),
    ]
    assert [step["at"] for step in steps] == sorted(step["at"] for step in steps)
    assert klaviyo["request"] == "POST /api/events"
    assert klaviyo["body"]["data"]["attributes"]["properties"]["materials"] == ["cotton"]
    assert standing == {"what": "standing", "ended": "synced", "outcome": "ended: the profile is up to date"}
    for told in (trace(settings, tmp_path, "u1"), trace(settings, tmp_path, "u1", "--json")):
        assert EMAIL not in told.output
        assert TEXT not in told.output
    table = trace(settings, tmp_path, "u1").stdout
    assert "To Klaviyo: POST /api/events" in table
    assert table.splitlines()[-1] == "ended: the profile is up to date"
    assert not (tmp_path / "none.db").exists()


def test_klaviyos_body_can_be_left_out(settings, tmp_path):
    assert "klaviyo" not in [line["what"] for line in lines(trace(settings, tmp_path, "u1", "--json", "--no-body"))]


def test_a_dead_letter_says_why_and_what_to_do(settings, tmp_path):
    uploaded, letter, standing = lines(trace(settings, tmp_path, "u1-dead", "--json"))
    assert (uploaded["stage"], letter["stage"], letter["topic"]) == ("upload", "recognize", "outfit.uploads.dlq")
    assert letter["what"] == "dead letter"
    assert letter["outcome"] == "photo-missing: the photo is gone from the store (attempt 2)"
    assert (standing["ended"], standing["outcome"]) == (
        "dead_letter",
        "stopped in recognize: fix the cause, then `hangtag dlq replay`",
    )


def test_a_replayed_upload_is_on_its_way_again(settings, tmp_path):
    *steps, standing = lines(trace(settings, tmp_path, "u1-replayed", "--json"))
    assert [step["what"] for step in steps] == ["PhotoUploaded", "dead letter, replayed", "PhotoUploaded"]
    assert (standing["ended"], standing["outcome"]) == (None, "waits for recognize")


def test_an_unknown_upload_is_nowhere(settings, tmp_path):
    told = trace(settings, tmp_path, "u")
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr == "no message of upload u in any topic (they are kept for 7 days)\n"


def test_a_search_by_shopper_or_time_finds_the_same(settings, tmp_path):
    def found(*options: str) -> list[dict]:
        told = trace(settings, tmp_path, "u1", "--no-body", "--json", *options)
        assert told.stderr == ""
        return lines(told)

    whole = found()
    assert [step["what"] for step in whole[:-1]] == ["PhotoUploaded", "TextRecognized", "OutfitTagged", "ProfileSynced"]
    for options in (["--shopper", "s1"], ["--at", "30s"], ["--at", "2h"], ["--shopper", "s1", "--since", "5m"]):
        assert found(*options) == whole


@pytest.mark.parametrize("options", [["--shopper", ELSEWHERE], ["--at", AHEAD], ["--shopper", "s1", "--at", AHEAD]])
def test_a_search_in_the_wrong_place_reports_it_and_reads_everything(settings, tmp_path, options):
    told = trace(settings, tmp_path, "u1", "--no-body", "--json", *options)
    assert "so all are searched" in told.stderr
    assert len(lines(told)) == 5


def test_an_upload_that_has_not_ended_is_followed_until_now(settings, tmp_path):
    told = trace(settings, tmp_path, "u1-replayed", "--no-body", "--json", "--at", "2h", "--shopper", "s1")
    assert (lines(told)[-1]["ended"], told.stderr) == (None, "")


def test_a_time_and_a_beginning_exclude_each_other(settings, tmp_path):
    told = trace(settings, tmp_path, "u1", "--at", "1h", "--since", "2h")
    assert told.exit_code == 2
    assert "use either --since or --at" in told.stderr
