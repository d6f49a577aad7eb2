"""
One stage of the flow: it decodes an event, calls the handler, and publishes the result or a dead letter.

Each call processes one delivery, and returns None (done) or the seconds until the next try. Knows neither Faust nor how
the window schedules deliveries.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import structlog

from schemas.codec import Headers, UndecodableError, decode, encode
from schemas.emitter import Emitter
from schemas.events import DeadLetter, Event, FrozenModel
from schemas.outcomes import Later, Misconfigured, Never
from schemas.spans import NO_SPANS, Span, Spans, TraceHeaders
from schemas.topics import Topic, dlq_name
from streams.runtime.dead_letters import (
    LONGEST_KEY,
    LONGEST_MESSAGE,
    HaltLimit,
    earlier_attempts,
    letter_headers,
    without_value,
    writable,
)
from streams.runtime.retry import Failures, RetryPolicy
from streams.runtime.track import Delivery
from streams.telemetry import metrics
from streams.telemetry.logs import UPLOAD_ID
from streams.telemetry.spans import SPAN

log = structlog.get_logger()

#: What a handler returns: the events to publish (perhaps none), or why there are none.
HandlerResult = tuple[Event, ...] | Later | Never | Misconfigured
Handler = Callable[[Any], Awaitable[HandlerResult]]
#: The stage calls it with the handler's events after the broker has stored them.
OnDelivered = Callable[[tuple[Event, ...]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Record:
    """A Kafka message, unchanged."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    #: Broker time, seconds since the epoch.
    timestamp: float
    #: If the value could not be read from Kafka, the reason; else None.
    unreadable: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """The topic that a stage reads, and the topics that it publishes to."""

    topic: Topic
    #: The topic of each kind of event that the handler may return.
    outputs: Mapping[type[Event], Topic]
    #: The model of the messages, if the topic does not contain our events.
    reads: type[FrozenModel] | None = None
    #: Whether the handler processes several events of one shopper at a time. Their results are published in order.
    overlaps_keys: bool = False


class HaltError(Exception):
    """Too many events became dead letters. The stage stops, and must not restart before a person has checked it."""


class Stage:
    """Connects a handler with its topics, and applies the rules for retries and dead letters."""

    def __init__(
        self,
        name: str,
        route: Route,
        handle: Handler,
        *,
        emitter: Emitter,
        halt: HaltLimit,
        retry: RetryPolicy,
        spans: Spans = NO_SPANS,
        on_delivered: OnDelivered | None = None,
    ) -> None:
        """
        Make a stage.

        Args:
            name: The stage's name (recognize, tag, sync).
            route: The topics it reads and publishes to.
            handle: Processes one event.
            emitter: Delivers messages.
            halt: Decides when the stage stops because too many events fail.
            retry: Decides when to retry an event.
            spans: Records a span for each try.
            on_delivered: Called with the events once they are delivered, before the delivery counts as done.

        """
        self.name, self.topic, self.outputs, self._handle = name, route.topic, route.outputs, handle
        self._kind = route.reads or route.topic.event
        self.overlaps_keys = route.overlaps_keys
        self.dead_letters = dlq_name(route.topic.name)
        self._emitter, self._halt, self._retry = emitter, halt, retry
        self._spans, self._on_delivered = spans, on_delivered
        self._failures: WeakKeyDictionary[Delivery[Record], Failures] = WeakKeyDictionary()
        self._successes = 0
        #: Misconfigurations that were logged as errors since the last success: each waiting event meets the same one.
        self._reported: set[str] = set()
        metrics.expect(name)

    async def process(self, delivery: Delivery[Record]) -> float | None:
        """
        Process one delivery. Return None once the events or the dead letter are delivered, else the seconds to wait.

        Each delivery runs in its own task, so that the context variables set here stay with it.

        Raises:
            HaltError: the halt limit is reached, or a dead letter was refused for good.

        """
        UPLOAD_ID.set(None)
        if self._spans is NO_SPANS:
            # A no-op span would still cost 5 % of what the stage does for an event.
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
        result, exception_class = await self._call_handler(delivery.record)
        if isinstance(result, tuple):
            if result:
                await delivery.turn()
            refused = await self._emit(result)
            if refused is None:
                await self._run_delivery_hook(result)
                self._successes += 1
                self._reported.clear()
                self._finished(dead=False)
                return None
            if isinstance(refused, Later):
                return self._wait(refused, delivery)
            result = refused
        if isinstance(result, Misconfigured):
            return self._wait(result, delivery)
        if isinstance(result, Later):
            given_up = self._give_up(result, delivery, others_succeeded=self._successes > successes)
            if given_up is None:
                return self._wait(result, delivery)
            result = given_up
        refused = await self._bury(delivery, result, exception_class)
        if isinstance(refused, Never):
            raise HaltError(
                f"stage {self.name} halts: {refused.message}. Without its dead letter an event would be lost"
            )
        if refused is not None:
            return self._wait(refused, delivery)
        self._finished(dead=True)
        return None

    async def _call_handler(self, record: Record) -> tuple[HandlerResult, str]:
        """Return the handler's result, and the class name to report in a dead letter."""
        assert self._kind is not None  # noqa: S101 - stages are never bound to a dead-letter topic
        if record.unreadable is not None:
            return Never("unreadable", record.unreadable), "streams.runtime.driver.batch.Unreadable"
        try:
            event = decode(self._kind, record.value)
            if isinstance(event, Event):
                UPLOAD_ID.set(event.upload_id)
            async with asyncio.timeout(self._retry.try_timeout_s):
                return await self._handle(event), "schemas.outcomes.Never"
        except UndecodableError as error:
            return Never(error.reason, str(error)), "schemas.codec.UndecodableError"
        except TimeoutError:
            return Later(
                "handler-timeout", f"{self.name} did not end in {self._retry.try_timeout_s:g} s"
            ), "TimeoutError"
        except Exception as error:  # noqa: BLE001 - a handler's fault must not stop the flow; see HaltLimit
            kind_of_error = type(error).__qualname__
            # Log class and place only, because the message of an unknown exception may quote the event.
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
        trace = SPAN.get().carried
        try:
            messages = [self._message(event, trace) for event in events]
        except Exception as error:  # noqa: BLE001 - what a handler returned must not stop the flow
            # JSON cannot contain some Python texts, such as lone surrogates. The exception's message may quote them.
            return Never("unencodable", f"the events of {self.name} cannot be encoded ({type(error).__name__})")
        for topic, key, value, headers in messages:
            refused = await self._emitter.send(topic, key=key, value=value, headers=headers)
            if refused is not None:
                return refused
        return None

    def _message(self, event: Event, trace: TraceHeaders) -> tuple[str, bytes, bytes, Headers]:
        value, headers = encode(event, source=f"hangtag/{self.name}", trace=trace)
        return self.outputs[type(event)].name, event.shopper_id.encode(), value, headers

    async def _run_delivery_hook(self, events: tuple[Event, ...]) -> None:
        if self._on_delivered is None:
            return
        try:
            async with asyncio.timeout(self._retry.try_timeout_s):
                await self._on_delivered(events)
        except Exception as error:  # noqa: BLE001 - the answer is delivered; what this left undone is the sweep's
            # Log the class only, because the message may quote the event.
            log.error("hook after delivery failed", stage=self.name, error=type(error).__qualname__)  # noqa: TRY400

    def _give_up(self, later: Later, delivery: Delivery[Record], *, others_succeeded: bool) -> Never | None:
        failures = self._failures.get(delivery, Failures()).after(later, others_succeeded=others_succeeded)
        self._failures[delivery] = failures
        return self._retry.give_up(later, failures, delivery.attempts)

    def _wait(self, failure: Later | Misconfigured, delivery: Delivery[Record]) -> float:
        """Log that the stage will retry, and return the seconds until then."""
        misconfigured = isinstance(failure, Misconfigured)
        write = log.warning if not misconfigured else log.debug if failure.reason in self._reported else log.error
        if misconfigured:
            self._reported.add(failure.reason)
        write(
            "cannot go on until this is fixed" if misconfigured else "trying again later",
            stage=self.name,
            reason=failure.reason,
            message=failure.message,
            attempts=delivery.attempts,
        )
        metrics.RETRIES.labels(self.name, writable(failure.reason)).inc()
        span = SPAN.get()
        span.note(outcome="misconfigured" if misconfigured else "later")
        span.fail(failure.reason)
        return self._retry.wait_s(delivery.attempts, failure.retry_after if isinstance(failure, Later) else None)

    async def _bury(self, delivery: Delivery[Record], never: Never, exception_class: str) -> Later | Never | None:
        record = delivery.record
        letter = DeadLetter(
            topic=delivery.partition.topic,
            partition=delivery.partition.number,
            offset=delivery.offset,
            stage=self.name,
            exception_class=exception_class,
            message=writable(never.message)[:LONGEST_MESSAGE],
            reason=writable(never.reason),
            attempts=earlier_attempts(record.headers) + delivery.attempts,
        )
        headers = letter_headers(record.headers, letter)
        refused = await self._emitter.send(self.dead_letters, key=record.key, value=record.value, headers=headers)
        if isinstance(refused, Never):
            # Too large for its topic. One message must not halt the stage, so send a letter without the value. The
            # value stays at the place that the letter names.
            log.error("dead letter without its value", stage=self.name, message=refused.message, offset=letter.offset)
            key = record.key if record.key is not None and len(record.key) <= LONGEST_KEY else None
            headers = without_value(headers)
            refused = await self._emitter.send(self.dead_letters, key=key, value=None, headers=headers)
        if refused is None:
            log.warning("dead letter", stage=self.name, reason=never.reason, message=never.message)
            metrics.DEAD_LETTERS.labels(self.name, letter.reason).inc()
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
