"""
Sends each photo to the least busy of many OCR workers and returns the outcome.

If no worker has read a photo, the pool sends it again within the photo's deadline, to another worker where possible.
It leaves every other failure, and every longer wait, to the caller. Knows no engine.
"""

import asyncio
import functools
import hashlib
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr
from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from ocr_worker.http.connections import Connections
from ocr_worker.pool.answers import BROKE_OFF, TIMED_OUT, UNREACHABLE, Outcome, outcome_of
from ocr_worker.pool.names import BY_NAME, NamedWorkers, Resolve, look_up
from ocr_worker.pool.roster import Roster, Worker, WorkerState
from ocr_worker.pool.suspects import TRIES_ALONE, Suspects
from ocr_worker.result import ALONE, BUSY, FIELD, Reading
from schemas.outcomes import Later, Never

#: Sends of one photo per `read`. The first wait is up to _BASE_S, each next one up to twice as long (full jitter).
_SENDS = 4
_BASE_S = 0.2
#: The pool returns instead of waiting longer: the caller can do other work meanwhile.
_MOST_WAIT_S = 2.0
#: Seconds without photos for a full worker that sends no Retry-After.
_REST_S = 1.0
#: Longest wait for a TCP connection, in seconds.
_CONNECT_S = 5.0
_NO_TRACE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Sent:
    """One photo sent to one worker, for metrics. `outcome` is "read", "refused", or the reason of a failure."""

    worker: str
    outcome: str
    seconds: float


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker as the pool sees it."""

    worker: str
    state: WorkerState
    in_flight: int


@dataclass(frozen=True, slots=True)
class PoolDependencies:
    """
    What a pool gets from outside: network, clock, random numbers, and a callback for each photo sent.

    Set `tls` for workers whose certificate is not signed by a public authority.
    """

    transport: httpx.AsyncBaseTransport | None = None
    tls: ssl.SSLContext | None = None
    resolve: Resolve = look_up
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
    on_sent: Callable[[Sent], None] | None = None


@dataclass(frozen=True, slots=True)
class _Photo:
    """One photo to send, and its digest."""

    data: bytes = field(repr=False)
    content_type: str | None
    trace: Mapping[str, str]
    digest: bytes


class OcrPool:
    """
    A pool of the workers at `urls`, all with the same token.

    At most `max_connections` photos are in flight; others wait. Once a photo is in flight, it may take `timeout_s`
    seconds in total.
    """

    def __init__(
        self,
        urls: Sequence[str],
        token: SecretStr | None,
        timeout_s: float,
        max_connections: int,
        dependencies: PoolDependencies | None = None,
    ) -> None:
        if not urls:
            raise ValueError("a pool needs the URL of at least one OCR worker")
        self._deps = dependencies or PoolDependencies()
        trimmed = dict.fromkeys(url.rstrip("/") for url in urls)
        self._roster = Roster(Worker(url) for url in trimmed if not url.startswith(BY_NAME))
        names = [url.removeprefix(BY_NAME) for url in trimmed if url.startswith(BY_NAME)]
        self._named = NamedWorkers(names, self._roster, self._deps.resolve, self._deps.clock)
        self._places = asyncio.Semaphore(max_connections)
        self._suspects = Suspects()
        self._one_suspect = asyncio.Lock()
        self._answered = asyncio.Event()
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {token.get_secret_value()}"} if token else {},
            # `_ask` limits the time of the whole request; httpx would limit each packet.
            timeout=httpx.Timeout(None, connect=min(_CONNECT_S, timeout_s)),
            transport=self._deps.transport or Connections(self._deps.tls),
            trust_env=False,
        )

    async def read(
        self, photo: bytes, *, content_type: str | None = None, trace: Mapping[str, str] = _NO_TRACE
    ) -> Outcome:
        """
        Let a worker read the photo. `trace` headers (W3C trace context) are sent with it.

        Returns `Never` for a photo that crashed a worker, or timed out, three times while it was alone on the worker.
        """
        async with self._places:
            one = _Photo(photo, content_type, trace, hashlib.sha256(photo).digest())
            limit_s = self._timeout_s * self._suspects.of(one.digest).patience
            deadline = self._deps.clock() + limit_s
            sending = AsyncRetrying(
                retry=retry_if_result(_is_unread),
                wait=self._wait_s,
                stop=lambda state: self._must_stop(state, deadline),
                sleep=self._deps.sleep,
                retry_error_callback=_last_outcome,
            )
            outcome: Outcome = await sending(self._send, one, deadline)
            return outcome

    def status(self) -> tuple[WorkerStatus, ...]:
        """Return the state of each worker, for metrics."""
        now = self._deps.clock()
        return tuple(WorkerStatus(one.url, one.state(now), one.in_flight) for one in self._roster.workers)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _send(self, photo: _Photo, deadline: float) -> Outcome:
        await self._named.refresh()
        if self._suspects.of(photo.digest).alone:
            async with self._one_suspect:
                return await self._send_to(self._roster.pick(self._deps.clock()), photo, deadline, alone=True)
        return await self._send_to(self._roster.pick(self._deps.clock()), photo, deadline, alone=False)

    async def _send_to(self, worker: Worker | None, photo: _Photo, deadline: float, *, alone: bool) -> Outcome:
        started = self._deps.clock()
        if worker is None:
            wait = self._roster.wait_s(started)
            return Later("ocr-no-worker", "no OCR worker is free and healthy at the moment", retry_after=round(wait, 3))
        worker.reserved = alone
        try:
            if alone and not await self._emptied(worker, deadline):
                return Later(BUSY, f"the OCR worker at {worker.url} is still reading other photos", retry_after=_REST_S)
            worker.in_flight += 1
            try:
                outcome = await self._ask(worker, photo, deadline, alone=alone)
            finally:
                worker.in_flight -= 1
                self._answered.set()
        finally:
            worker.reserved = False
        now = self._deps.clock()
        _record(worker, outcome, now, alone=alone)
        if self._deps.on_sent is not None:
            self._deps.on_sent(Sent(worker.url, _label(outcome), now - started))
        return outcome

    async def _emptied(self, worker: Worker, deadline: float) -> bool:
        """Wait until a worker has no photo of this pool. Returns False at the deadline."""
        try:
            async with asyncio.timeout(deadline - self._deps.clock()):
                while worker.in_flight:
                    self._answered.clear()
                    await self._answered.wait()
        except TimeoutError:
            return False
        return True

    async def _ask(self, worker: Worker, photo: _Photo, deadline: float, *, alone: bool) -> Outcome:
        headers = dict(photo.trace) | ({"Host": worker.host} if worker.host else {}) | ({ALONE: "1"} if alone else {})
        name = urlsplit(f"//{worker.host}").hostname if worker.host else None
        try:
            async with asyncio.timeout(deadline - self._deps.clock()):
                answer = await self._client.post(
                    _endpoint(worker.url),
                    files={FIELD: ("photo", photo.data, photo.content_type or "application/octet-stream")},
                    headers=headers,
                    extensions={"sni_hostname": name} if name else {},
                )
        except TimeoutError:
            blamed = self._suspects.timed_out(photo.digest, alone=alone)
            return _failure(TIMED_OUT, "the OCR worker took too long", blamed=blamed)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Later(UNREACHABLE, f"no connection to the OCR worker at {worker.url} ({type(error).__name__})")
        except httpx.HTTPError as error:
            # The worker had received the photo, at least in part. It may have crashed on this photo or on another one.
            blamed = self._suspects.broke_off(photo.digest, alone=alone)
            return _failure(BROKE_OFF, f"the OCR worker closed the connection ({type(error).__name__})", blamed=blamed)
        outcome = outcome_of(answer, worker.url)
        if not isinstance(outcome, Later):
            self._suspects.clear(photo.digest)
        return outcome

    def _wait_s(self, state: RetryCallState) -> float:
        most = min(_MOST_WAIT_S, _BASE_S * 2.0 ** (state.attempt_number - 1))
        return max(self._deps.jitter() * most, self._roster.wait_s(self._deps.clock()))

    def _must_stop(self, state: RetryCallState, deadline: float) -> bool:
        wait = state.upcoming_sleep
        late = self._deps.clock() + wait >= deadline
        return state.attempt_number >= _SENDS or wait > _MOST_WAIT_S or late


@functools.lru_cache(maxsize=256)
def _endpoint(url: str) -> httpx.URL:
    return httpx.URL(f"{url}/ocr")


def _is_unread(outcome: Outcome) -> bool:
    # A photo that may have crashed its worker is not sent again here: its stage waits before the next try.
    may_be_the_photo = {BROKE_OFF, TIMED_OUT}
    return isinstance(outcome, Later) and outcome.tries is None and outcome.reason not in may_be_the_photo


def _last_outcome(state: RetryCallState) -> Outcome:
    assert state.outcome is not None  # noqa: S101 - tenacity calls this after an attempt only
    outcome: Outcome = state.outcome.result()
    return outcome


def _failure(reason: str, message: str, *, blamed: bool) -> Later | Never:
    if blamed:
        return Never(reason, f"{message}, {TRIES_ALONE} times while this photo was alone on it")
    # A stage does not count a failure with `retry_after` as a try of the photo.
    return Later(reason, message, retry_after=0.0)


def _record(worker: Worker, outcome: Outcome, now: float, *, alone: bool) -> None:
    """Update the worker's state. A refused photo, or a fault in our configuration, is a success of the worker."""
    reason = outcome.reason if isinstance(outcome, Later | Never) else None
    if reason == BUSY and isinstance(outcome, Later):
        worker.rest(now + (_REST_S if outcome.retry_after is None else outcome.retry_after))
    elif alone and reason in {BROKE_OFF, TIMED_OUT}:
        # Probably the photo's fault, not the worker's. The worker is restarting.
        worker.rest(now + _REST_S)
    elif isinstance(outcome, Later):
        worker.failed(now, gone=reason == UNREACHABLE)
    else:
        worker.succeeded()


def _label(outcome: Outcome) -> str:
    if isinstance(outcome, Later | Never):
        return outcome.reason
    return "read" if isinstance(outcome, Reading) else type(outcome).__name__.lower()
