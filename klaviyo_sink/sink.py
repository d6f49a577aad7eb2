"""
The sink: accepts tagged uploads and writes them to Klaviyo.

Knows no Kafka and reads no environment. Failures are returned; the caller waits, retries, pauses or dead-letters.
Uploads that arrive together are one batch: few are sent by single requests, many by jobs (`lanes.py`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, ParamSpec, TypeVar, get_args

import httpx
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from klaviyo_sink.access import open_client
from klaviyo_sink.api.errors import Failure
from klaviyo_sink.budget import Budget
from klaviyo_sink.config import SinkConfig
from klaviyo_sink.delivery.batches import Batches, Written
from klaviyo_sink.delivery.behind import BehindCheck
from klaviyo_sink.delivery.follow_up import FollowUps
from klaviyo_sink.delivery.gatherer import Gatherer
from klaviyo_sink.delivery.lanes import BREAK_EVEN, BULK_MOST, JOBS_AT_ONCE, Lanes
from klaviyo_sink.delivery.lookups import Lookups
from klaviyo_sink.delivery.refusals import refusal
from klaviyo_sink.delivery.results import LaneName
from klaviyo_sink.dry_run import DryRun, Unsent, open_rehearsal
from klaviyo_sink.limits import MINUTE_S, PUBLISHED, SPEND, Spent, Standing
from klaviyo_sink.state.settling import Current
from klaviyo_sink.state.store import OvertakenError, StateDatabase, open_state
from schemas.events import OutfitTagged
from schemas.outcomes import Later
from schemas.spans import TraceHeaders
from schemas.steady_clock import now as steady_now

__all__ = ["Sink", "SinkConfig", "Written", "open_sink"]

P = ParamSpec("P")
T = TypeVar("T")

#: Database threads if the database supports several writers.
DATABASE_THREADS: Final = 8
#: Seconds in which concurrent calls become one batch.
MOMENT_S: Final = 0.005
#: Seconds that an upload may wait for others to fill a job.
LINGER_S: Final = 0.2
#: Processes that usually share an account's limits (docs/scaling.md).
PROCESSES: Final = 2
#: Seconds between jobs that are not full. More jobs would use up the minute's limit before its end.
JOB_EVERY_S: Final = PROCESSES * MINUTE_S / (PUBLISHED["POST /api/event-bulk-create-jobs"][1] * SPEND)
#: The key of a dry run's requests, which are never sent.
NO_KEY: Final = SecretStr("dry-run")
#: Result of a call to a sink that is closing.
CLOSED: Final = Later("closing", "the sink was closed")

Waiting = tuple[OutfitTagged, TraceHeaders, "asyncio.Future[Written | Failure]"]


@dataclass(frozen=True, slots=True)
class SinkStatus:
    """The sink's current work, for metrics."""

    #: Batches in progress, by lane.
    jobs: Mapping[LaneName, int]
    #: What is left of Klaviyo's limits, by operation used so far.
    budget: Mapping[str, Standing]


class Sink:
    """Writes each tagged upload to Klaviyo once. Created by `open_sink`; close it with `aclose`."""

    def __init__(
        self,
        config: SinkConfig,
        state: StateDatabase,
        threads: ThreadPoolExecutor,
        now: Callable[[], datetime],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._state, self._threads, self._now = state, threads, now
        self._budget = budget = Budget(self._spend, now=now)
        self._client = open_client(config, now=now, listener=budget, transport=transport)
        self._look_up = Lookups(self._find_current)
        self._lanes = Lanes(self._client, budget, self._look_up)
        self._behind = BehindCheck(self._client, budget, self._find_current, self._is_ours, config.names)
        self._follow_ups = FollowUps(self._write_again, self._find_dirty, config.timeout_s)
        self._batches = Batches(
            state,
            self._lanes,
            self._in_database,
            config.metric,
            config.stale_after,
            now,
            self._follow_ups,
            # A dry run replaces the network, so there is nothing to compare with.
            None if transport is not None else self._behind.compare,
            config.names.seen,
        )
        self._gatherer: Gatherer[Waiting] = Gatherer()
        self._jobs = asyncio.Semaphore(JOBS_AT_ONCE)
        self._running: dict[asyncio.Task[None], LaneName] = {}
        self._dispatching: asyncio.Task[None] | None = None
        self._closing = False

    async def sync(self, event: OutfitTagged, *, trace: TraceHeaders = ()) -> Written | Failure:
        """
        Update the shopper's profile. One write per shopper at a time; shoppers do not wait for each other.

        `trace` are headers of the cause; requests to Klaviyo carry their trace context.
        """
        refused = refusal(event, self._now())
        if refused is not None:
            return refused
        if self._closing:
            return CLOSED
        if self._dispatching is None:
            self._dispatching = asyncio.create_task(self._dispatch())
        return await self._put_in_line(event, trace)

    async def reconcile(self, events: Sequence[OutfitTagged], versions: Mapping[str, int]) -> list[Written | Failure]:
        """
        Set the profiles of the events' shoppers to what the events and the state database say together.

        For use after a restore, see `account/reconcile.py`. `versions` are those at Klaviyo, by shopper.
        """
        try:
            return await self._batches.reconcile(events, versions)
        except (SQLAlchemyError, OvertakenError) as error:
            return [Later("state-database", f"the state database failed ({type(error).__name__})")] * len(events)

    async def rebuild(self, events: Sequence[OutfitTagged]) -> None:
        """Fold events into the state database and leave their shoppers' rows dirty; `reconcile` must follow."""
        await self._in_database(self._state.rebuild, events, {})

    async def current(self, shoppers: Collection[str]) -> dict[str, Current | None]:
        """Return the newest states of shoppers: None for forgotten ones, no entry for unknown ones."""
        return await self._find_current(shoppers)

    def status(self) -> SinkStatus:
        """Return the batches in progress, and what is left of the limits."""
        lanes = list(self._running.values())
        return SinkStatus({lane: lanes.count(lane) for lane in get_args(LaneName)}, self._budget.standing())

    async def aclose(self) -> None:
        """Finish the batches in progress, return Later for the rest, close the connections."""
        # From here on nothing would process queued uploads.
        self._closing = True
        if self._dispatching is not None:
            self._dispatching.cancel()
            await asyncio.gather(self._dispatching, return_exceptions=True)
        # An upload that waits for the budget may wait a minute; its caller queues it again.
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        # Clear only now: a batch that ends may add a shopper until here.
        self._follow_ups.clear()
        for _event, _trace, answer in self._gatherer.clear():
            _give(answer, CLOSED)
        await self._client.aclose()
        await self._in_database(self._state.close)
        self._threads.shutdown(wait=False)

    def _put_in_line(self, event: OutfitTagged, trace: TraceHeaders) -> "asyncio.Future[Written | Failure]":
        answer: asyncio.Future[Written | Failure] = asyncio.get_running_loop().create_future()
        self._gatherer.add(event.shopper_id, (event, trace, answer))
        return answer

    def _write_again(self, event: OutfitTagged) -> None:
        # Nobody awaits the result: where the row is still dirty, `Batches` adds the shopper again.
        if not self._closing:
            self._put_in_line(event, ())

    async def _dispatch(self) -> None:
        """Choose lanes: few uploads are sent singly and at once, many as jobs that fill while they wait."""
        loop = asyncio.get_running_loop()
        next_job = loop.time()
        while True:
            await self._gatherer.wait(1)
            await asyncio.sleep(MOMENT_S)
            if self._few():
                self._start(BREAK_EVEN, "single")
                continue
            await self._jobs.acquire()
            await self._gatherer.wait(BULK_MOST, max(LINGER_S, next_job - loop.time()))
            if self._gatherer.ready and not self._few():
                next_job = loop.time() + JOB_EVERY_S
                self._start(BULK_MOST, "bulk")
            else:
                self._jobs.release()

    def _few(self) -> bool:
        return self._gatherer.ready < BREAK_EVEN and self._lanes.single_open()

    def _start(self, most: int, lane: LaneName) -> None:
        taken = self._gatherer.take(most)
        self._lanes.expect(sum(map(len, taken.values())))
        task = asyncio.create_task(self._work(taken, lane))
        self._running[task] = lane
        task.add_done_callback(self._running.pop)

    async def _work(self, taken: dict[str, list[Waiting]], lane: LaneName) -> None:
        waiting = [one for theirs in taken.values() for one in theirs]
        slot = ExitStack()
        if lane == "bulk":
            slot.callback(self._jobs.release)
        try:
            traces = {event.upload_id: trace for event, trace, _ in waiting}
            outcomes = await self._batches.write([event for event, _, _ in waiting], lane, traces, slot.close)
            for (_, _, answer), outcome in zip(waiting, outcomes, strict=True):
                _give(answer, outcome)
        except (SQLAlchemyError, OvertakenError) as error:
            # The text of a database error may quote the row.
            failure = Later("state-database", f"the state database failed ({type(error).__name__})")
            for event, _, answer in waiting:
                self._follow_ups.add(event)
                _give(answer, failure)
        except asyncio.CancelledError:
            for _, _, answer in waiting:
                _give(answer, CLOSED)
            raise
        except Exception as error:  # noqa: BLE001 - whoever called sync must hear of a bug, not wait for ever
            for _, _, answer in waiting:
                if not answer.done():
                    answer.set_exception(error)
        finally:
            self._gatherer.release(taken)
            slot.close()

    def _spend(self, operation: str, change: Callable[[Spent], tuple[Spent, T]]) -> Awaitable[T]:
        return self._in_database(self._state.spend, operation, change)

    def _find_current(self, shoppers: Collection[str]) -> Awaitable[dict[str, Current | None]]:
        return self._in_database(self._state.current, shoppers)

    def _is_ours(self, version: int, updated_at: str) -> Awaitable[bool]:
        return self._in_database(self._state.wrote, version, updated_at)

    async def _find_dirty(self, shopper_id: str) -> int | None:
        try:
            current = (await self._look_up({shopper_id})).get(shopper_id)
        except SQLAlchemyError:
            return None
        return 0 if current is None else current.dirty

    def _in_database(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        return asyncio.wrap_future(self._threads.submit(call, *args, **kwargs))


async def open_sink(
    config: SinkConfig, *, now: Callable[[], datetime] = steady_now, dry_run: DryRun | None = None
) -> Sink:
    """
    Open the state database (migrating it) and the client for Klaviyo. Makes no request.

    A dry run sends and stores nothing, and needs no key.

    Raises:
        StateUnavailableError: The database cannot be opened.

    """
    # Open, use and close the database in the same threads, because a connection of SQLite belongs to one thread.
    opener = ThreadPoolExecutor(1, thread_name_prefix="sink-state")
    try:
        state = await asyncio.wrap_future(opener.submit(_open_state, config, dry_run))
    except BaseException:
        opener.shutdown(wait=False)
        raise
    threads = opener
    if not state.serial:
        opener.shutdown(wait=False)
        threads = ThreadPoolExecutor(DATABASE_THREADS, thread_name_prefix="sink-state")
    if dry_run is None:
        return Sink(config, state, threads, now)
    return Sink(replace(config, key=NO_KEY, tokens=None), state, threads, now, Unsent(dry_run.show))


def _open_state(config: SinkConfig, dry_run: DryRun | None) -> StateDatabase:
    if dry_run is None:
        return open_state(config.state_url, config.wording)
    return open_rehearsal(config.state_url, config.wording, ledger=dry_run.ledger)


def _give(answer: "asyncio.Future[Written | Failure]", outcome: Written | Failure) -> None:
    # The caller may have been cancelled.
    if not answer.done():
        answer.set_result(outcome)
