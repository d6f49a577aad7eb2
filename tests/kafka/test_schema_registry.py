"""With a real Schema Registry: what is registered, what travels, and what other clients of it make of that."""

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import npm
import pytest
from fetch import ServerMissingError, fetched
from recognized import recognized
from registry import Registry
from sync_process import read

from schemas.codec import decode, encode
from schemas.events import OutfitTagged, TextRecognized
from schemas.framing import frame
from schemas.topics import dlq_name, topics
from streams.config.settings import Settings, child_environment
from streams.kafka.schema_registry import frames
from streams.wiring.kafka import make_emitter

PEER = Path(__file__).with_name("registry_peer")


@pytest.fixture(scope="module")
def registry(kafka_libraries: str) -> Iterator[str]:
    """Provide the address of a registry of this module's own."""
    try:
        fetched("registry")
    except ServerMissingError as error:
        if os.environ.get("HANGTAG_REQUIRE_KAFKA") == "1":  # noqa: TID251 - a switch of the tests, not a setting
            pytest.fail(f"the registry is required (HANGTAG_REQUIRE_KAFKA=1): {error}", pytrace=False)
        # Java is no dependency of ours; CI has it, and sets HANGTAG_REQUIRE_KAFKA.
        pytest.skip(f"no Schema Registry: {error}")
    with Registry() as running:
        yield running.url


@pytest.fixture
def settings(settings: Settings, registry: str) -> Settings:
    return settings.model_copy(update={"schema_registry_url": registry})


def hangtag(settings: Settings, *arguments: str) -> str:
    command = [str(Path(sys.executable).with_name("hangtag")), *arguments]
    done = subprocess.run(command, env=environment(settings), capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr


def environment(settings: Settings) -> dict[str, str]:
    names = ("bootstrap_servers", "topic_prefix", "group_prefix", "schema_registry_url", "session_timeout_s")
    return child_environment(**{name: getattr(settings, name) for name in names})


def values(settings: Settings, topic: str, count: int) -> list[bytes]:
    """Wait for so many messages of a topic, and give their values."""
    give_up = time.monotonic() + 60
    while len(found := read(settings, topic)) < count:
        assert time.monotonic() < give_up, f"{len(found)} of {count} in {topic}"
        time.sleep(0.2)
    return [value for value in found if value is not None]


def peer(registry: str, *direction: str, line: str) -> str:
    command = ["node", str(PEER / "peer.mjs"), registry, *direction]
    return subprocess.run(command, input=line + "\n", capture_output=True, text=True, check=True).stdout.strip()


def register(registry: str, subject: str, schema: dict[str, object]) -> int:
    body = {"schemaType": "JSON", "schema": json.dumps(schema)}
    return httpx.post(f"{registry}/subjects/{subject}/versions", json=body, trust_env=False).status_code


def test_schemas_are_registered_once_and_old_readers_continue(settings, registry):
    tags = f"{settings.topic_prefix}.tags-value"
    assert f"registered {tags}" in hangtag(settings, "topics", "apply")
    assert "registered" not in hangtag(settings, "topics", "apply")
    assert "all 5 are registered" in hangtag(settings, "doctor", "schemas")
    latest = httpx.get(f"{registry}/subjects/{tags}/versions/latest", trust_env=False).json()
    schema = json.loads(latest["schema"])
    assert schema["properties"]["lexicon_version"]["description"]
    grown = schema | {"properties": schema["properties"] | {"mood": {"type": "string"}}}
    assert register(registry, tags, grown) == 200
    less = {name: one for name, one in schema["properties"].items() if name != "tags"}
    required = [name for name in schema["required"] if name != "tags"]
    assert register(registry, tags, schema | {"properties": less, "required": required}) == 409
    other = schema | {"properties": schema["properties"] | {"lexicon_version": {"type": "integer"}}}
    assert register(registry, tags, other) == 409
    uploads = httpx.get(f"{registry}/config/{settings.topic_prefix}.uploads-value", trust_env=False).json()
    assert uploads == {"compatibilityLevel": "NONE"}, "we take more over time, as the gate lets us"
    # A stage of before goes on with its own.
    assert frames(settings)[f"{settings.topic_prefix}.tags"] == frame(latest["id"])


def test_a_stage_reads_and_writes_frames_and_returns_dead_letters_as_they_came(settings, registry):
    if missing := npm.missing(PEER):
        pytest.skip(f"no other client of a registry: {missing}")
    hangtag(settings, "topics", "apply")
    names = topics(settings.topic_prefix)
    written = frames(settings)
    event = recognized("ours", "100%纯棉")
    text = event.model_copy(update={"upload_id": "theirs"}).model_dump_json(exclude_none=True)
    theirs = base64.b64decode(peer(registry, "encode", f"{names.texts.name}-value", line=text))
    junk = frame(1) + b"junk"

    async def publish() -> None:
        emitter = make_emitter(settings)
        raw = make_emitter(settings, as_it_is=True)
        value, headers = encode(event, source="test")
        assert await emitter.send(names.texts.name, key=b"s", value=value, headers=headers) is None
        bare, _ = encode(recognized("bare", "真丝"), source="test")
        for value in (theirs, bare, junk):
            assert await raw.send(names.texts.name, key=b"s", value=value, headers=headers) is None
        await emitter.aclose()
        await raw.aclose()

    asyncio.run(publish())
    sent = values(settings, names.texts.name, 4)
    assert sent[0].startswith(written[names.texts.name])
    assert theirs.startswith(written[names.texts.name]), "both clients name the schema alike"
    assert decode(TextRecognized, sent[0]) == event
    command = [str(Path(sys.executable).with_name("hangtag")), "worker", "tag"]
    with subprocess.Popen(command, env=environment(settings), stderr=subprocess.DEVNULL) as stage:
        try:
            tagged = values(settings, names.tags.name, 3)
            (letter,) = values(settings, dlq_name(names.texts.name), 1)
        finally:
            stage.terminate()
    assert letter == junk
    assert {value[:5] for value in tagged} == {written[names.tags.name]}
    events = [decode(OutfitTagged, value) for value in tagged]
    materials = {one.upload_id: {tag.id for tag in one.tags if tag.category == "material"} for one in events}
    cotton, silk = {"material/cotton"}, {"material/silk"}
    assert materials == {"ours": cotton, "theirs": cotton, "bare": silk}
    assert json.loads(peer(registry, "decode", line=base64.b64encode(tagged[0]).decode())) == json.loads(
        events[0].model_dump_json(exclude_none=True)
    )
    assert "1 letters replayed" in hangtag(settings, "dlq", "replay", "--topic", dlq_name(names.texts.name))
    assert values(settings, names.texts.name, 5)[-1] == junk


def test_nothing_is_published_before_its_schema_is_registered(settings, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"x")
    said = hangtag(settings, "upload", str(photo), "--shopper", "s1")
    assert "have no schema registered. Register them with `hangtag topics apply`" in said
    assert "hangtag topics apply" in hangtag(settings, "worker", "tag")
