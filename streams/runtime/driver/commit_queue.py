"""Passes commits from the event loop to the polling thread, and their results back."""

import asyncio
from collections import deque
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.runtime.track import Partition

Offsets = dict[Partition, int]


class CommitQueue:
    """Commits in the order of requests, on the polling thread: any other needs seconds (librdkafka 2.16)."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start empty."""
        self._loop = loop
        self._requests: deque[tuple[Offsets, asyncio.Future[None]]] = deque()
        self._sent: deque[asyncio.Future[None]] = deque()

    def __bool__(self) -> bool:
        """Return whether a request waits to be sent."""
        return bool(self._requests)

    def request(self, offsets: Offsets) -> asyncio.Future[None]:
        """Request a commit; call it on the event loop. The future raises KafkaException if the broker refuses it."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._requests.append((offsets, future))
        return future

    def send(self, consumer: Consumer, places_of: Callable[[Offsets], list[TopicPartition]]) -> None:
        """Send the requested commits; call it on the polling thread. `places_of` adds the leader epochs."""
        while self._requests:
            offsets, future = self._requests.popleft()
            places = places_of(offsets)
            if places:
                consumer.commit(offsets=places, asynchronous=True)
                self._sent.append(future)
            else:
                self._resolve(future, None)

    def on_commit(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        """Pass on librdkafka's result of the oldest commit that was sent."""
        refused = error or next((place.error for place in places if place.error is not None), None)
        if self._sent:
            self._resolve(self._sent.popleft(), refused)

    def _resolve(self, future: asyncio.Future[None], error: KafkaError | None) -> None:
        def resolve() -> None:
            if future.done():
                return
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(KafkaException(error))

        self._loop.call_soon_threadsafe(resolve)
