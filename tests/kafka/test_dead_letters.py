"""Dead letters on a real Kafka: they keep the original bytes, and a replay after the fix processes them."""

import asyncio
import json

import pytest
from every_letter import letters
from traffic import Upload, hear, publish, stage, uploads

from schemas.topics import topics
from streams.config.settings import Settings
from streams.kafka.reader import follow
from streams.operations.dead_letters import replay
from streams.wiring.kafka import make_emitter, make_topics


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"halt_in_a_row": 200, "halt_share": 1.0})


async def test_a_hundred_poison_records_among_ten_thousand_become_letters_and_are_replayed_after_a_fix(
    settings, tmp_path
):
    emitter, topic = make_emitter(settings), make_topics(settings).uploads.name
    good = [upload for upload in uploads(10_000, shoppers=500) if upload.number % 100]
    poison = [Upload(number, f"s{number % 500}", "bug") for number in range(0, 10_000, 100)]
    await publish(settings, sorted(good + poison, key=lambda upload: upload.number))
    with stage(settings, tmp_path):
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 9_900, limit_s=120)
        found = await asyncio.to_thread(letters, settings)
        while len(found) < 100:
            found = await asyncio.to_thread(letters, settings)
    assert {letter.facts.reason for letter in found if letter.facts} == {"bug"}
    originals = {
        (seen.partition, seen.offset): seen for seen in await asyncio.to_thread(lambda: list(follow(settings, [topic])))
    }
    for letter in found:
        assert letter.facts is not None
        original = originals[letter.facts.partition, letter.facts.offset]
        assert (letter.seen.key, letter.seen.value) == (original.key, original.value)
        assert letter.seen.headers[: len(original.headers)] == original.headers
    assert await replay(found[:30], emitter) is None
    # Interrupted, and more letters arrive meanwhile: the next replay takes up what is open.
    assert await emitter.send(topic, key=b"new", value=b"junk", headers=[]) is None
    (tmp_path / "fixed").touch()
    with stage(settings, tmp_path):
        open_now: list = []
        while not any(letter.facts and letter.facts.reason == "not-json" for letter in open_now):
            open_now = [letter for letter in await asyncio.to_thread(letters, settings) if not letter.replayed]
        bugs = [letter for letter in open_now if letter.facts and letter.facts.reason == "bug"]
        assert {letter.facts.attempts for letter in bugs if letter.facts} == {1}
        assert len(bugs) == 70
        assert await replay(bugs, emitter) is None
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 10_000, limit_s=60)
    left = [letter for letter in await asyncio.to_thread(letters, settings) if not letter.replayed]
    assert [letter.facts.reason for letter in left if letter.facts] == ["not-json"]
    await emitter.aclose()


async def test_a_stage_with_too_many_dead_letters_halts_and_logs_it(settings, tmp_path):
    await publish(settings, uploads(300, behaviour=dict.fromkeys(range(300), "bug")))
    with stage(settings, tmp_path, halt_in_a_row=50) as running:
        assert await asyncio.to_thread(running.process.wait, 40) == 73
        assert running.said("too many dead letters")
        assert not running.said("planted secret: 4711")
    found = await asyncio.to_thread(letters, settings)
    assert 50 <= len(found) < 300


@pytest.mark.parametrize("size", [1_000_000])
async def test_a_record_as_large_as_the_topic_takes_fits_into_its_dead_letter_topic(settings, tmp_path, size):
    emitter, topic = make_emitter(settings), make_topics(settings).uploads.name
    # Bytes that no codec shrinks: the limit is on the batch as sent.
    value = b"\x00" + json.dumps({"x": "".join(chr(33 + n * n % 90) for n in range(size))}).encode()[:size]
    assert await emitter.send(topic, key=b"k", value=value, headers=[]) is None
    with stage(settings, tmp_path) as running:
        await asyncio.to_thread(running.await_said, "dead letter")
    (letter,) = await asyncio.to_thread(letters, settings)
    assert letter.seen.value == value
    assert topics(settings.topic_prefix).uploads_dlq.name == letter.seen.topic
    await emitter.aclose()
