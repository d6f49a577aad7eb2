"""What a stage does with each outcome, with a broker that keeps messages in a list."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import Headers, encode
from schemas.events import Event, Identity, Messages, Photo, PhotoUploaded, UploadFeedback
from schemas.outcomes import Later, Misconfigured, Never
from schemas.topics import Topic, topics
from streams.runtime.dead_letters import HaltLimit, lacks_value, original_headers, read_letter
from streams.runtime.retry import RetryPolicy
from streams.runtime.stage import HaltError, HandlerResult, Record, Route, Stage
from streams.runtime.track import Delivery, Partition

NOW = datetime(2026, 11, 22, tzinfo=UTC)
UPLOADED = PhotoUploaded(
    upload_id="u1",
    shopper_id="s1",
    uploaded_at=NOW,
    photo=Photo(uri="file:///p.jpg"),
    identity=Identity(external_id="s1"),
)
FEEDBACK = UploadFeedback(**UPLOADED.carried(), code="blurry", messages=Messages(zh="糊", en="blurry"), judged_at=NOW)
TOPICS = topics()


class ListBroker:
    """Delivers into a list; refuses a topic when told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None, bytes | None, Headers]] = []
        self.refusals: dict[str, list[Later | Never]] = {}

    async def send(
        self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers
    ) -> Later | Never | None:
        if self.refusals.get(topic):
            return self.refusals[topic].pop(0)
        self.sent.append((topic, key, value, headers))
        return None


def stage(
    handle: Callable[[Event], Awaitable[HandlerResult]],
    broker: ListBroker,
    *,
    halt: HaltLimit | None = None,
    try_timeout_s: float = 300,
    **changed: Any,
) -> Stage:
    outputs: dict[type[Event], Topic] = {UploadFeedback: TOPICS.feedback}
    return Stage(
        "recognize",
        Route(TOPICS.uploads, outputs),
        handle,
        emitter=broker,
        halt=halt or HaltLimit(in_a_row=100, share=1.0),
        retry=RetryPolicy(1, 8, try_timeout_s=try_timeout_s, patience=3, jitter=lambda: 1.0),
        **changed,
    )


def delivery(value: bytes | None = None, headers: Headers | None = None, *, attempts: int = 1) -> Delivery[Record]:
    body, ce = encode(UPLOADED, source="test")
    record = Record(b"s1", body if value is None else value, ce if headers is None else headers, 0.0)
    return Delivery(Partition("outfit.uploads", 7), b"s1", 42, record, attempts=attempts)


def answering(answer: HandlerResult) -> Callable[[Event], Awaitable[HandlerResult]]:
    async def handle(_event: Event) -> HandlerResult:
        return answer

    return handle


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
async def test_what_hears_of_the_delivery_cannot_hold_the_event_up(capsys, hangs):
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
async def test_what_cannot_be_decoded_becomes_a_letter_with_its_original_bytes(value: bytes, reason: str):
    broker = ListBroker()
    one = delivery(value, [("twice", b"1"), ("twice", b"2"), ("null", None)])
    assert await stage(answering(()), broker).process(one) is None
    ((topic, key, letter, headers),) = broker.sent
    assert (topic, key, letter) == ("outfit.uploads.dlq", b"s1", value)
    assert headers[:3] == [("twice", b"1"), ("twice", b"2"), ("null", None)]
    facts = read_letter(headers)
    assert facts is not None
    assert (facts.reason, facts.topic, facts.partition, facts.offset) == (reason, "outfit.uploads", 7, 42)


async def test_later_waits_longer_each_time_up_to_the_cap():
    broker = ListBroker()
    one = stage(answering(Later("ocr-busy", "busy")), broker)
    waits = [await one.process(delivery(attempts=attempts)) for attempts in (1, 2, 3, 4, 5, 400)]
    assert waits == [1, 2, 4, 8, 8, 8]
    assert broker.sent == []


async def test_what_the_other_side_asked_for_is_waited_for_and_jitter_comes_on_top():
    one = stage(answering(Later("throttled", "busy", retry_after=60)), ListBroker())
    assert await one.process(delivery()) == 61


async def test_later_with_limited_tries_ends_as_a_letter():
    broker = ListBroker()
    one, missing = stage(answering(Later("photo-missing", "no photo", tries=4)), broker), delivery()
    for missing.attempts in (1, 2, 3):
        assert await one.process(missing) is not None
    missing.attempts = 4
    assert await one.process(missing) is None
    facts = read_letter(broker.sent[0][3])
    assert facts is not None
    assert (facts.reason, facts.attempts, facts.message) == ("photo-missing", 4, "no photo (tried 4 times)")


async def test_tries_that_failed_for_another_reason_do_not_count():
    broker = ListBroker()
    one, event = stage(answering(Later("store-unreachable", "no store")), broker), delivery()
    for event.attempts in range(1, 10):
        assert await one.process(event) is not None
    one._handle = answering(Later("photo-missing", "no photo", tries=4))
    event.attempts = 10
    assert await one.process(event) is not None


async def test_one_event_that_fails_while_others_succeed_is_given_up_and_an_outage_never_is():
    broker = ListBroker()
    poisoned = delivery()
    one = stage(answering(()), broker)

    async def fails_alone(_event: Event) -> HandlerResult:
        one._successes += 1  # another shopper's event went through meanwhile
        return Later("klaviyo-5xx", "no")

    async def fails_with_all(_event: Event) -> HandlerResult:
        return Later("klaviyo-5xx", "no")

    one._handle = fails_with_all
    for poisoned.attempts in range(1, 50):
        assert await one.process(poisoned) is not None
    one._handle = fails_alone
    for poisoned.attempts in range(50, 53):
        assert await one.process(poisoned) is not None
    poisoned.attempts = 53
    assert await one.process(poisoned) is None
    assert broker.sent[0][0] == "outfit.uploads.dlq"


@pytest.mark.parametrize(
    "answer", [Misconfigured("key-refused", "the key was refused"), Later("busy", "come back later", retry_after=1)]
)
async def test_what_says_nothing_about_the_event_is_never_held_against_it(answer: HandlerResult):
    broker, one = ListBroker(), delivery()
    refusing = stage(answering(()), broker)

    async def refuse(_event: Event) -> HandlerResult:
        refusing._successes += 1  # others go through meanwhile
        return answer

    refusing._handle = refuse
    for one.attempts in range(1, 60):
        assert await refusing.process(one) is not None
    assert broker.sent == []


async def test_a_handler_that_never_ends_is_ended_and_tried_again():
    async def hang(_event: Event) -> HandlerResult:
        await asyncio.Event().wait()
        return ()

    one = stage(hang, ListBroker(), try_timeout_s=0.01)
    assert await one.process(delivery()) is not None


async def test_a_letter_refused_for_good_halts_the_stage():
    broker = ListBroker()
    broker.refusals["outfit.uploads.dlq"] = [Never("refused-by-kafka", "too large")] * 2
    with pytest.raises(HaltError, match="would be lost"):
        await stage(answering(Never("no", "no")), broker).process(delivery())


async def test_a_letter_too_large_for_its_topic_goes_without_its_value_and_halts_nothing():
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


#: Names as any client may write them: halves of characters, NUL, ours, and those of the trace.
header_names = st.one_of(
    st.text(st.characters(), max_size=8),
    st.text(st.characters(categories=["Cs", "Cc", "Cf"]), min_size=1, max_size=4),
    st.sampled_from(["hangtag.attempts", "hangtag.reason", "hangtag.replayed", "traceparent", "tracestate", "ce_id"]),
)
header_values = st.one_of(
    st.none(), st.binary(max_size=12), st.integers(0, 6000).map(lambda digits: b"9" * digits), st.just(b"00-aa-bb-01")
)
bodies = st.one_of(
    st.none(),
    st.binary(max_size=40),
    st.just(encode(UPLOADED, source="test")[0]),
    st.integers(1, 6000).map(lambda digits: b'{"schema_version": ' + b"9" * digits + b"}"),
    st.integers(1, 5000).map(lambda depth: b"[" * depth),
)
endings = st.one_of(
    st.builds(Never, st.text(st.characters(), max_size=9), st.text(st.characters(), max_size=9)),
    st.just(Never("long", "x" * 100_000)),
    st.just((UPLOADED,)),
    st.just((FEEDBACK.model_copy(update={"shopper_id": "\ud800"}),)),
    st.builds(Later, st.text(max_size=3), st.text(max_size=3), st.floats(), st.just(1)),
)


@settings(deadline=None)
@given(st.lists(st.tuples(header_names, header_values), max_size=6), bodies, endings, st.binary(max_size=9) | st.none())
def test_no_content_ends_the_process(headers, body, ending, key):
    broker = ListBroker()
    record = Record(key, body, headers, 0.0)
    one = Delivery(Partition("outfit.uploads", 7), key, 42, record, attempts=2)
    assert asyncio.run(stage(answering(ending), broker).process(one)) is None
    ((topic, sent_key, value, sent),) = broker.sent
    assert (topic, sent_key, value) == ("outfit.uploads.dlq", key, body)
    letter = read_letter(sent)
    assert letter is not None
    assert 2 <= letter.attempts < 10**9 + 2
    for name, _ in sent:
        # What librdkafka's binding can write. It crashes on half a character and ends a name at NUL.
        assert "\0" not in name.encode().decode()
    kept = [value for name, value in headers if not name.startswith("hangtag.")]
    assert [value for _, value in original_headers(sent)] == kept


async def test_a_fault_in_a_handler_becomes_a_letter_without_the_faults_words():
    broker = ListBroker()

    async def handle(_event: Event) -> HandlerResult:
        raise RuntimeError("shopper wrote 4711")

    assert await stage(handle, broker).process(delivery()) is None
    facts = read_letter(broker.sent[0][3])
    assert facts is not None
    assert (facts.reason, facts.exception_class) == ("bug", "builtins.RuntimeError")
    assert "4711" not in str(broker.sent[0][3])


async def test_an_undelivered_answer_is_sent_again_later():
    broker = ListBroker()
    broker.refusals["outfit.feedback"] = [Later("undelivered", "no broker")]
    one = stage(answering((FEEDBACK,)), broker)
    assert await one.process(delivery()) == 1
    assert await one.process(delivery(attempts=2)) is None
    assert [message[0] for message in broker.sent] == ["outfit.feedback"]


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


async def test_a_letter_that_is_not_delivered_holds_its_event_back():
    broker = ListBroker()
    broker.refusals["outfit.uploads.dlq"] = [Later("undelivered", "no broker")]
    one = stage(answering(Never("no", "no")), broker)
    assert await one.process(delivery()) == 1
    assert await one.process(delivery(attempts=2)) is None


async def test_attempts_are_counted_on_over_a_replay():
    broker = ListBroker()
    one = stage(answering(Never("no", "no")), broker)
    await one.process(delivery(attempts=2, headers=[("hangtag.attempts", b"5")]))
    facts = read_letter(broker.sent[0][3])
    assert facts is not None
    assert facts.attempts == 7


async def test_the_stage_halts_when_too_many_die_in_a_row():
    one = stage(answering(Never("no", "no")), ListBroker(), halt=HaltLimit(in_a_row=3, share=1.0))
    await one.process(delivery())
    await one.process(delivery())
    with pytest.raises(HaltError, match="hangtag dlq list"):
        await one.process(delivery())
