"""A stage whose broker keeps messages in a list, for tests of what the stage does with a handler's result."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from schemas.codec import Headers, encode
from schemas.events import Event, Identity, Messages, Photo, PhotoUploaded, UploadFeedback
from schemas.outcomes import Later, Never
from schemas.topics import Topic, topics
from streams.runtime.dead_letters import HaltLimit
from streams.runtime.retry import RetryPolicy
from streams.runtime.stage import HandlerResult, Record, Route, Stage
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
    """Delivers into a list. Can refuse a topic."""

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
