"""
Many OCR workers as one, from the caller's side: send a photo to the least busy one and say how it went.

What nobody looked at is sent again, elsewhere where possible, within the photo's deadline; every other failure and
every longer wait are the caller's. Knows no engine.
"""

import asyncio
import functools
import hashlib
import ipaddress
import math
import random
import socket
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
from ocr_worker.pool.roster import Roster, Worker, WorkerState, at_address
from ocr_worker.pool.suspects import TRIES_ALONE, Suspects
from ocr_worker.result import ALONE, BUSY, FIELD
from schemas.outcomes import Later, Never

#: A URL that begins so stands for every address its name has: `dns+http://ocr:8000`.
BY_NAME = "dns+"
#: Names are looked up again after this many seconds.
_LOOK_UP_S = 10.0
#: And after this many while a name cannot be looked up.
_LOOK_UP_AGAIN_S = 1.0
#: Sends of one photo per `read`; the first waits up to _BASE_S, each next up to twice as long (full jitter).
_SENDS = 4
_BASE_S = 0.2
#: A longer wait is left to the caller, who has a better place for it.
_MOST_WAIT_S = 2.0
#: A full worker that does not say how long is left alone for this long.
_REST_S = 1.0
#: Longest wait for a TCP connection, in seconds.
_CONNECT_S = 5.0
_NO_TRACE: Mapping[str, str] = MappingProxyType({})

Resolve = Callable[[str], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Sent:
    """One photo sent to one worker, for metrics: "read", "refused", or the reason there is neither."""

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
    What a pool needs from outside: network, clock, chance, and a callback for each photo sent.

    `tls` for workers whose certificate no public authority signed.
    """

    transport: httpx.AsyncBaseTransport | None = None
    tls: ssl.SSLContext | None = None
    resolve: Resolve | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
    on_sent: Callable[[Sent], None] | None = None


@dataclass(frozen=True, slots=True)
class _Photo:
    """One photo as it is sent, and what it is known by."""

    data: bytes = field(repr=False)
    content_type: str | None
    trace: Mapping[str, str]
    digest: bytes


class OcrPool:
    """
    Workers at `urls`, all with the same token.

    At most `max_connections` photos are under way at once, further ones wait their turn; from then on one photo has
    `timeout_s` seconds in all.
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
        self._names = tuple(url.removeprefix(BY_NAME) for url in trimmed if url.startswith(BY_NAME))
        self._roster = Roster(Worker(url) for url in trimmed if not url.startswith(BY_NAME))
        self._look_up_at = -math.inf
        self._looking_up = asyncio.Lock()
        self._places = asyncio.Semaphore(max_connections)
        self._suspects = Suspects()
        self._one_suspect = asyncio.Lock()
        self._answered = asyncio.Event()
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {token.get_secret_value()}"} if token else {},
            # The whole photo is bounded in `read`; httpx would bound each packet.
            timeout=httpx.Timeout(None, connect=min(_CONNECT_S, timeout_s)),
            transport=self._deps.transport or Connections(self._deps.tls),
            trust_env=False,
        )

    async def read(
        self, photo: bytes, *, content_type: str | None = None, trace: Mapping[str, str] = _NO_TRACE
    ) -> Outcome:
        """
        Have a worker read the photo. `trace` headers (W3C trace context) go along.

        `Never` for a photo that ended a worker, or took too long, three times while no other photo was there.
        """
        async with self._places:
            one = _Photo(photo, content_type, trace, hashlib.sha256(photo).digest())
            limit_s = self._timeout_s * self._suspects.of(one.digest).patience
            deadline = self._deps.clock() + limit_s
            sending = AsyncRetrying(
                retry=retry_if_result(_nobody_looked),
                wait=self._wait_s,
                stop=lambda state: self._must_stop(state, deadline),
                sleep=self._deps.sleep,
                retry_error_callback=_last_outcome,
            )
            outcome: Outcome = await sending(self._send, one, deadline)
            return outcome

    def status(self) -> tuple[WorkerStatus, ...]:
        """Tell how each worker is doing, for metrics."""
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
        await self._look_up()
        if self._suspects.of(photo.digest).alone:
            async with self._one_suspect:
                return await self._send_to(self._roster.pick(self._deps.clock()), photo, deadline, alone=True)
        return await self._send_to(self._roster.pick(self._deps.clock()), photo, deadline, alone=False)

    async def _send_to(self, worker: Worker | None, photo: _Photo, deadline: float, *, alone: bool) -> Outcome:
        started = self._deps.clock()
        if worker is None:
            wait = self._roster.wait_s(started)
            return Later("ocr-no-worker", "no OCR worker is free or well just now", retry_after=round(wait, 3))
        worker.reserved = alone
        try:
            if alone and not await self._emptied(worker, deadline):
                return Later(BUSY, f"the OCR worker at {worker.url} has other photos still", retry_after=_REST_S)
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
            said = outcome.reason if isinstance(outcome, Later | Never) else type(outcome).__name__.lower()
            self._deps.on_sent(Sent(worker.url, {"reading": "read"}.get(said, said), now - started))
        return outcome

    async def _emptied(self, worker: Worker, deadline: float) -> bool:
        """Wait until a worker has no photo of this pool; it gets no new one meanwhile."""
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
            # It had the photo, or a part of it: it may be the photo that ended it, or another one it had.
            blamed = self._suspects.broke_off(photo.digest, alone=alone)
            return _failure(BROKE_OFF, f"the OCR worker broke off ({type(error).__name__})", blamed=blamed)
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

    async def _look_up(self) -> None:
        if not self._names or self._deps.clock() < self._look_up_at:
            return
        async with self._looking_up:
            if self._deps.clock() < self._look_up_at:
                return
            wait = _LOOK_UP_S
            for url in self._names:
                parts = urlsplit(url)
                try:
                    found = await (self._deps.resolve or _addresses)(parts.hostname or "")
                except OSError:
                    # What was known a moment ago is the best guess.
                    wait = _LOOK_UP_AGAIN_S
                    continue
                self._roster.replace(parts.netloc, [at_address(url, address) for address in found])
            self._look_up_at = self._deps.clock() + wait


@functools.lru_cache(maxsize=256)
def _endpoint(url: str) -> httpx.URL:
    return httpx.URL(f"{url}/ocr")


def _nobody_looked(outcome: Outcome) -> bool:
    # A photo that may be to blame waits in its stage between its tries: what ends workers may pass by then.
    may_be_the_photo = {BROKE_OFF, TIMED_OUT}
    return isinstance(outcome, Later) and outcome.tries is None and outcome.reason not in may_be_the_photo


def _last_outcome(state: RetryCallState) -> Outcome:
    assert state.outcome is not None  # noqa: S101 - tenacity calls this after an attempt only
    outcome: Outcome = state.outcome.result()
    return outcome


def _failure(reason: str, message: str, *, blamed: bool) -> Later | Never:
    if blamed:
        return Never(reason, f"{message}, {TRIES_ALONE} times while it had no photo but this one")
    # With a wait that was asked for, a stage does not count it against the photo.
    return Later(reason, message, retry_after=0.0)


def _record(worker: Worker, outcome: Outcome, now: float, *, alone: bool) -> None:
    """Learn from the answer how the worker is. A refusal, or a fault in our set-up, is an answer like any other."""
    reason = outcome.reason if isinstance(outcome, Later | Never) else None
    if reason == BUSY and isinstance(outcome, Later):
        worker.rest(now + (_REST_S if outcome.retry_after is None else outcome.retry_after))
    elif alone and reason in {BROKE_OFF, TIMED_OUT}:
        # More likely the photo's fault than the worker's, which is being started again.
        worker.rest(now + _REST_S)
    elif isinstance(outcome, Later):
        worker.failed(now, gone=reason == UNREACHABLE)
    else:
        worker.succeeded()


async def _addresses(host: str) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return sorted({str(address[0]) for *_, address in found}, key=ipaddress.ip_address)
