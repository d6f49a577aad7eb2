"""
One stage of the flow: decode an event, hand it to the handler, deliver what it answers, or set it aside.

Knows neither Faust nor the window: it works on one delivery at a time and says whether that
delivery is done or when to try again.
"""

import asyncio
import random
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog

from schemas.codec import Headers, UndecodableError, decode, encode
from schemas.emitter import Emitter
from schemas.events import DeadLetter, Event, Noun
from schemas.outcomes import Later, Misconfigured, Never
from schemas.spans import UNWATCHED, Span, Spans
from schemas.topics import Topic, dlq_name
from streams.runtime.dead_letters import HaltLimit, earlier_attempts, letter_headers
from streams.runtime.window import Delivery
from streams.telemetry import metrics
from streams.telemetry.logs import UPLOAD_ID
from streams.telemetry.spans import SPAN

log = structlog.get_logger()

#: What a handler answers: events to publish (none is fine), or why there are none.
Answer = tuple[Event, ...] | Later | Never | Misconfigured
Handler = Callable[[Any], Awaitable[Answer]]
#: Hears of a handler's events once the broker has them.
Delivered = Callable[[tuple[Event, ...]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Record:
    """A Kafka message as it came."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    #: Broker time, seconds since the epoch.
    timestamp: float


class HaltError(Exception):
    """Too much goes dead. The stage stops on purpose, and must not be restarted before someone has looked."""


class Stage:
    """Binds a handler to its topic, to where its answers go, and to the rules of retry and death."""

    def __init__(
        self,
        name: str,
        topic: Topic,
        handle: Handler,
        *,
        outputs: dict[type[Event], Topic],
        emitter: Emitter,
        halt: HaltLimit,
        retry_base_s: float,
        retry_cap_s: float,
        reads: type[Noun] | None = None,
        handler_timeout_s: float = 300,
        patience: int = 20,
        jitter: Callable[[], float] = random.random,
        spans: Spans = UNWATCHED,
        delivered: Delivered | None = None,
    ) -> None:
        """
        Make a stage.

        Args:
            name: Of the stage (recognize, tag, sync).
            topic: What it consumes.
            handle: Works on one event.
            outputs: The topic of each kind of event it may answer.
            emitter: Delivers messages.
            halt: When to stop on purpose.
            retry_base_s: Longest first wait; doubles with each try.
            retry_cap_s: Longest wait of all, unless the other side asked for more.
            reads: What the messages are, if not the topic's events.
            handler_timeout_s: Longest one event may be worked on.
            patience: Failures of one event, while others succeed, before it is given up. While
                nothing succeeds it is an outage, and there is no limit; nor is there while the
                other side only asks to come back later.
            jitter: Random number in [0, 1) for full jitter.
            spans: Watches over each try.
            delivered: Told of what was answered, once it is delivered and before it counts as done.

        """
        self.name, self.topic, self.outputs, self._handle = name, topic, outputs, handle
        self._kind = reads or topic.event
        self.dead_letters = dlq_name(topic.name)
        self._emitter, self._halt, self._spans = emitter, halt, spans
        self._base, self._cap, self._patience, self._jitter = retry_base_s, retry_cap_s, patience, jitter
        self._handler_timeout_s, self._delivered = handler_timeout_s, delivered
        self._successes = 0
        #: Causes that were said loudly since something last went well: every waiting event meets the same one.
        self._complaints: set[str] = set()
        metrics.expect(name)

    async def process(self, delivery: Delivery[Record]) -> float | None:
        """
        Work on one delivery: None when it is done (answers or dead letter delivered), else seconds to wait.

        Each runs in a task of its own, so what it binds to the log stays with it.

        Raises:
            HaltError: the halt limit is reached, or a dead letter was refused for good.

        """
        UPLOAD_ID.set(None)
        if self._spans is UNWATCHED:
            # Asked first: going through the motions would cost a twentieth of what a stage does for an event.
            SPAN.set(Span(delivery.record.headers))
            return await self._process(delivery)
        with self._spans.begin(self.name, "consumer", delivery.record.headers) as span:
            SPAN.set(span)
            at = delivery.partition
            span.note(topic=at.topic, partition=str(at.number), offset=delivery.offset, attempt=delivery.attempts)
            span.note(outcome="done")
            wait = await self._process(delivery)
            upload_id = UPLOAD_ID.get()
            if upload_id is not None:
                span.note(upload_id=upload_id)
            return wait

    async def _process(self, delivery: Delivery[Record]) -> float | None:
        successes = self._successes
        answer, exception_class = await self._answer(delivery.record)
        if isinstance(answer, tuple):
            refused = await self._emit(answer)
            if refused is None:
                await self._tell_delivered(answer)
                self._successes += 1
                self._complaints.clear()
                self._finished(dead=False)
                return None
            if isinstance(refused, Later):
                return self._wait(refused, delivery)
            answer = refused
        if isinstance(answer, Misconfigured):
            return self._wait(answer, delivery)
        if isinstance(answer, Later):
            given_up = self._given_up(answer, delivery, alone=self._successes > successes)
            if given_up is None:
                return self._wait(answer, delivery)
            answer = given_up
        refused = await self._bury(delivery, answer, exception_class)
        if isinstance(refused, Never):
            raise HaltError(
                f"stage {self.name} halts: {refused.message}. Without its dead letter an event would be lost"
            )
        if refused is not None:
            return self._wait(refused, delivery)
        self._finished(dead=True)
        return None

    async def _answer(self, record: Record) -> tuple[Answer, str]:
        """Answer the handler's answer and, where an exception took its place, that exception's class."""
        assert self._kind is not None  # noqa: S101 - stages are never bound to a dead-letter topic
        try:
            event = decode(self._kind, record.value)
        except UndecodableError as error:
            return Never(error.reason, str(error)), "schemas.codec.UndecodableError"
        if isinstance(event, Event):
            UPLOAD_ID.set(event.upload_id)
        try:
            async with asyncio.timeout(self._handler_timeout_s):
                return await self._handle(event), "schemas.outcomes.Never"
        except TimeoutError:
            return Later("handler-timeout", f"{self.name} did not end in {self._handler_timeout_s:g} s"), "TimeoutError"
        except Exception as error:  # noqa: BLE001 - a handler's fault must not stop the flow; see HaltLimit
            kind_of_error = type(error).__qualname__
            # Class and place only: the message of an unknown exception may quote the event.
            SPAN.get().note(exception=kind_of_error)
            log.error(  # noqa: TRY400 - for the same reason
                "handler failed",
                stage=self.name,
                error=kind_of_error,
                at="".join(traceback.format_tb(error.__traceback__)),
            )
            message = f"{kind_of_error} in the {self.name} handler; see the log, fix it, replay"
            return Never("bug", message), f"{type(error).__module__}.{kind_of_error}"

    async def _emit(self, events: tuple[Event, ...]) -> Later | Never | None:
        cause = SPAN.get().carried
        try:
            messages = [encode(event, source=f"hangtag/{self.name}", cause=cause) for event in events]
        except ValueError as error:
            # A lone surrogate, for one, is text to Python and none to JSON. The exception's message may quote it.
            return Never("unencodable", f"the answer of {self.name} cannot be written ({type(error).__name__})")
        for event, (value, headers) in zip(events, messages, strict=True):
            key = event.shopper_id.encode()
            refused = await self._emitter.send(self.outputs[type(event)].name, key=key, value=value, headers=headers)
            if refused is not None:
                return refused
        return None

    async def _tell_delivered(self, events: tuple[Event, ...]) -> None:
        if self._delivered is None:
            return
        try:
            async with asyncio.timeout(self._handler_timeout_s):
                await self._delivered(events)
        except Exception as error:  # noqa: BLE001 - the answer is delivered; what this left undone is the sweep's
            # Class only, as with a handler's.
            log.error("hook after delivery failed", stage=self.name, error=type(error).__qualname__)  # noqa: TRY400

    def _given_up(self, later: Later, delivery: Delivery[Record], *, alone: bool) -> Never | None:
        """Say whether the event itself is to blame by now, and not what it was sent to."""
        tried = delivery.failures[later.reason] = delivery.failures.get(later.reason, 0) + 1
        if later.tries is not None and tried >= later.tries:
            return Never(later.reason, f"{later.message} (tried {tried} times)")
        # Asked to come back later, nobody looked at the event: that says nothing about it.
        delivery.lonely_failures += alone and later.retry_after is None
        if delivery.lonely_failures > self._patience:
            return Never(later.reason, f"{later.message} (failed {delivery.attempts} times while others succeeded)")
        return None

    def _wait(self, answer: Later | Misconfigured, delivery: Delivery[Record]) -> float:
        loud = isinstance(answer, Misconfigured)
        say = log.warning if not loud else log.debug if answer.reason in self._complaints else log.error
        if loud:
            self._complaints.add(answer.reason)
        say(
            "cannot go on until this is fixed" if loud else "trying again later",
            stage=self.name,
            reason=answer.reason,
            message=answer.message,
            attempts=delivery.attempts,
        )
        metrics.RETRIES.labels(self.name, answer.reason).inc()
        span = SPAN.get()
        span.note(outcome="misconfigured" if loud else "later")
        span.fail(answer.reason)
        # Full jitter (exponential backoff), so that many events do not come back in step.
        wait = self._jitter() * min(self._cap, self._base * 2.0 ** min(delivery.attempts - 1, 30))
        asked = answer.retry_after if isinstance(answer, Later) else None
        return wait if asked is None else asked + wait

    async def _bury(self, delivery: Delivery[Record], never: Never, exception_class: str) -> Later | Never | None:
        record = delivery.record
        letter = DeadLetter(
            topic=delivery.partition.topic,
            partition=delivery.partition.number,
            offset=delivery.offset,
            stage=self.name,
            exception_class=exception_class,
            message=never.message,
            reason=never.reason,
            attempts=earlier_attempts(record.headers) + delivery.attempts,
        )
        refused = await self._emitter.send(
            self.dead_letters,
            key=record.key,
            value=record.value,
            headers=letter_headers(record.headers, letter),
        )
        if refused is None:
            log.warning("dead letter", stage=self.name, reason=never.reason, message=never.message)
            metrics.DEAD_LETTERS.labels(self.name, never.reason).inc()
            span = SPAN.get()
            span.note(outcome="dead_letter")
            span.fail(never.reason)
        return refused

    def _finished(self, *, dead: bool) -> None:
        metrics.EVENTS.labels(self.name, "dead_letter" if dead else "done").inc()
        if not self._halt.passes(dead=dead):
            msg = (
                f"stage {self.name} halts: too many dead letters. See `hangtag dlq list`, fix the cause, start it again"
            )
            raise HaltError(msg)
