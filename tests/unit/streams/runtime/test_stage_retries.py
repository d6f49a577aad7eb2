"""When a stage tries an event again, when it gives the event up, and when it halts."""

import asyncio

import pytest
from stage_world import FEEDBACK, ListBroker, answering, delivery, stage

from schemas.events import Event
from schemas.outcomes import Later, Misconfigured, Never
from streams.runtime.dead_letters import HaltLimit, read_letter
from streams.runtime.stage import HaltError, HandlerResult


async def test_later_waits_longer_each_time_up_to_the_cap():
    broker = ListBroker()
    one = stage(answering(Later("ocr-busy", "busy")), broker)
    waits = [await one.process(delivery(attempts=attempts)) for attempts in (1, 2, 3, 4, 5, 400)]
    assert waits == [1, 2, 4, 8, 8, 8]
    assert broker.sent == []


async def test_the_stage_waits_for_the_requested_delay_plus_jitter():
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


async def test_one_event_that_fails_while_others_succeed_becomes_a_letter_and_an_outage_does_not():
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
async def test_a_failure_that_is_not_the_events_fault_never_counts_against_it(answer: HandlerResult):
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


async def test_an_undelivered_answer_is_sent_again_later():
    broker = ListBroker()
    broker.refusals["outfit.feedback"] = [Later("undelivered", "no broker")]
    one = stage(answering((FEEDBACK,)), broker)
    assert await one.process(delivery()) == 1
    assert await one.process(delivery(attempts=2)) is None
    assert [message[0] for message in broker.sent] == ["outfit.feedback"]


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
