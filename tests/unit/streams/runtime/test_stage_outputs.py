"""What a stage publishes for each result of its handler: events, or a dead letter."""

import asyncio

import pytest
from stage_world import FEEDBACK, ListBroker, answering, delivery, stage

from schemas.events import Event, Messages, UploadFeedback
from schemas.outcomes import Never
from streams.runtime.dead_letters import lacks_value, read_letter
from streams.runtime.stage import HaltError, HandlerResult


async def test_answers_are_delivered_under_the_shoppers_key_with_the_trace_carried_on():
    broker = ListBroker()
    one = delivery(headers=[("traceparent", b"00-aa-bb-01"), ("other", b"x")])
    assert await stage(answering((FEEDBACK,)), broker).process(one) is None
    ((topic, key, value, headers),) = broker.sent
    assert (topic, key) == ("outfit.feedback", b"s1")
    assert UploadFeedback.model_validate_json(value or b"") == FEEDBACK
    assert ("traceparent", b"00-aa-bb-01") in headers
    assert dict(headers)["ce_source"] == b"hangtag/recognize"
    assert "other" not in dict(headers)


@pytest.mark.parametrize("hangs", [True, False])
async def test_a_delivery_callback_cannot_delay_the_event(capsys, hangs):
    async def hears(_events: tuple[Event, ...]) -> None:
        if hangs:
            await asyncio.Event().wait()
        raise RuntimeError("quotes the event")

    broker = ListBroker()
    one = stage(answering((FEEDBACK,)), broker, try_timeout_s=0.05, on_delivered=hears)
    async with asyncio.timeout(30):
        assert await one.process(delivery()) is None
    assert [topic for topic, *_ in broker.sent] == ["outfit.feedback"]
    said = capsys.readouterr().out
    assert "TimeoutError" in said if hangs else "RuntimeError" in said
    assert "quotes the event" not in said


async def test_no_answer_is_fine():
    broker = ListBroker()
    assert await stage(answering(()), broker).process(delivery()) is None
    assert broker.sent == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\x00\xff", "not-json"),
        (b"", "not-json"),
        (b"[]", "not-json"),
        (b'{"schema_version": 2}', "unknown-version"),
        (b'{"upload_id": "u"}', "invalid-event"),
    ],
)
async def test_a_record_that_cannot_be_decoded_becomes_a_letter_with_its_original_bytes(value: bytes, reason: str):
    broker = ListBroker()
    one = delivery(value, [("twice", b"1"), ("twice", b"2"), ("null", None)])
    assert await stage(answering(()), broker).process(one) is None
    ((topic, key, letter, headers),) = broker.sent
    assert (topic, key, letter) == ("outfit.uploads.dlq", b"s1", value)
    assert headers[:3] == [("twice", b"1"), ("twice", b"2"), ("null", None)]
    facts = read_letter(headers)
    assert facts is not None
    assert (facts.reason, facts.topic, facts.partition, facts.offset) == (reason, "outfit.uploads", 7, 42)


async def test_a_letter_refused_for_good_halts_the_stage():
    broker = ListBroker()
    broker.refusals["outfit.uploads.dlq"] = [Never("refused-by-kafka", "too large")] * 2
    with pytest.raises(HaltError, match="would be lost"):
        await stage(answering(Never("no", "no")), broker).process(delivery())


async def test_a_letter_too_large_for_its_topic_is_written_without_its_value_and_halts_no_stage():
    broker = ListBroker()
    broker.refusals["outfit.uploads.dlq"] = [Never("refused-by-kafka", "too large")]
    foreign = [("big", b"x" * 1000)]
    assert await stage(answering(Never("no", "no")), broker).process(delivery(headers=foreign)) is None
    ((topic, key, value, headers),) = broker.sent
    assert (topic, key, value) == ("outfit.uploads.dlq", b"s1", None)
    letter = read_letter(headers)
    assert letter is not None
    assert (letter.topic, letter.partition, letter.offset) == ("outfit.uploads", 7, 42)
    assert lacks_value(headers)
    assert "big" not in dict(headers)


async def test_a_fault_in_a_handler_becomes_a_letter_without_the_faults_words():
    broker = ListBroker()

    async def handle(_event: Event) -> HandlerResult:
        raise RuntimeError("shopper wrote 4711")

    assert await stage(handle, broker).process(delivery()) is None
    facts = read_letter(broker.sent[0][3])
    assert facts is not None
    assert (facts.reason, facts.exception_class) == ("bug", "builtins.RuntimeError")
    assert "4711" not in str(broker.sent[0][3])


async def test_an_answer_kafka_refuses_for_good_becomes_a_letter():
    broker = ListBroker()
    broker.refusals["outfit.feedback"] = [Never("refused-by-kafka", "too large")]
    assert await stage(answering((FEEDBACK,)), broker).process(delivery()) is None
    assert broker.sent[0][0] == "outfit.uploads.dlq"


async def test_an_answer_that_cannot_be_written_becomes_a_letter_that_does_not_quote_it():
    """A lone surrogate is text to Python and none to JSON; the process must not fall over it again and again."""
    broken = FEEDBACK.model_copy(update={"messages": Messages(zh="planted\ud800", en="blurry")})
    broker = ListBroker()
    assert await stage(answering((FEEDBACK, broken)), broker).process(delivery()) is None
    [(topic, _, _, headers)] = broker.sent
    facts = read_letter(headers)
    assert topic == "outfit.uploads.dlq"
    assert facts is not None
    assert facts.reason == "unencodable"
    assert "planted" not in str(headers)
