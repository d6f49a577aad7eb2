"""
Faust under our rules: it fetches, balances and runs the lifecycle; the window decides when offsets move.

Every private name of Faust and aiokafka that we touch stands in this file or in `consumer.py`, pinned to
faust-streaming 0.15.3; `tests/contract/test_faust_names.py` fails when an upgrade moves one.
Faust's own acknowledgements are never used: it commits past unfinished work (docs/streams.md).
"""

import asyncio
import logging
import time
from typing import Any

import faust
import structlog
from faust.types import TP

from streams.config.settings import Settings
from streams.runtime.consumer import StageConsumer
from streams.runtime.faust_security import faust_security
from streams.runtime.stage import Record
from streams.runtime.window import Delivery, GapError, Partition, Window

log = structlog.get_logger()

#: How long a new leader may need to know all that was committed.
_LEADER_CATCHES_UP_S = 4


class StageApp(faust.App):  # type: ignore[misc]  # faust has no type information here
    """One stage's membership in its consumer group."""

    #: Faust tells of every step under the class's own logger otherwise.
    logger = logging.getLogger("faust")

    def __init__(self, settings: Settings, *, group: str, topic: str) -> None:
        """Configure Faust; nothing connects before `start`."""
        super().__init__(
            group,
            broker=[f"kafka://{address}" for address in settings.bootstrap_servers.split(",")],
            broker_credentials=faust_security(settings),
            value_serializer="raw",
            key_serializer="raw",
            store="memory://",
            autodiscover=False,
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            stream_wait_empty=False,
            stream_buffer_maxsize=settings.pending,
            broker_commit_interval=settings.commit_interval_s,
            broker_session_timeout=settings.session_timeout_s,
            broker_heartbeat_interval=min(3.0, settings.session_timeout_s / 5),
            broker_rebalance_timeout=settings.rebalance_timeout_s,
            # Longer than a rebalance may take, or joining times out just as it completes.
            broker_request_timeout=max(settings.rebalance_timeout_s, settings.session_timeout_s) + 5,
            # Partitions added to a topic are found this soon (five minutes otherwise).
            consumer_metadata_max_age_ms=int(settings.metadata_max_age_s * 1000),
            # An outage downstream may last, and a spare member never polls: leaving the group would help no one.
            broker_max_poll_interval=1_000_000.0,
            consumer_auto_offset_reset="earliest",
        )
        self.window: Window[Record] | None = None
        self.crash_on: Any = None
        self._drain_s = settings.drain_s
        self._done: dict[TP, int] = {}
        self._committing = asyncio.Lock()
        self._quiescing = asyncio.Lock()
        #: Whether this member ever had an assignment; before that there is nothing to drain.
        self.was_assigned = False
        self._behind: set[TP] = set()
        self._starts: dict[Partition, int] = {}
        #: Whether the group has given this member its partitions (perhaps none).
        self.settled = asyncio.Event()
        self._unsettled_since = time.monotonic()
        source = self.topic(
            topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", acks=False
        )
        self.agent(source, name=f"{group}.intake", concurrency=1)(self._intake)

    async def _intake(self, stream: Any) -> None:
        assert self.window is not None  # noqa: S101 - bound before start
        try:
            async for event in stream.noack().events():
                await self.window.admit(_delivery(event.message))
        except GapError as gap:
            self.crash_on(gap)

    def done(self, partition: Partition, offset: int) -> None:
        """Remember that everything below `offset` is done, for the next commit."""
        self._done[TP(partition.topic, partition.number)] = offset

    async def commit_done(self) -> None:
        """Commit what is done. What the broker does not take is tried again with the next commit."""
        # One at a time: an older commit must not arrive after a newer one.
        async with self._committing:
            offsets, self._done = self._done, {}
            taken = not offsets
            try:
                taken = taken or await self.consumer._commit(offsets)
            finally:
                if not taken:
                    self._done = offsets | self._done

    def first_offset(self, partition: Partition) -> int | None:
        """Tell where a partition must start, as found out when it was assigned."""
        return self._starts.get(partition)

    def is_leader(self) -> bool:
        """Return whether this member owns partition 0. Exactly one member does, so use it to elect a leader."""
        return self.settled.is_set() and any(tp.partition == 0 for tp in self.consumer.assignment())

    def zombie(self, patience_s: float) -> str | None:
        """
        Say why this member consumes nothing and never will, if so.

        On a coordinator error aiokafka parks until `getmany` collects the exception, and Faust
        never calls it: the process would live on, silently. So it would once a task of aiokafka ended.
        """
        client = None if self._consumer is None else self._consumer._thread._consumer
        if client is not None:
            for owner, name in ((client._fetcher, "_fetch_task"), (client._client, "_sync_task")):
                task = getattr(owner, name, None)
                if task is not None and task.done():
                    return f"aiokafka's {name} has ended"
        coordinator = getattr(client, "_coordinator", None)
        if coordinator is not None:
            if coordinator._pending_exception is not None:
                return f"coordinator error {type(coordinator._pending_exception).__name__}"
            if coordinator._coordination_task.done():
                return "the coordination task has ended"
        if not self.settled.is_set() and time.monotonic() - self._unsettled_since > patience_s:
            return f"no assignment for {patience_s:.0f} s"
        return None

    async def recreated(self) -> str | None:
        """Name a partition whose log ends before where we are: its topic was deleted and made again."""
        assert self.window is not None  # noqa: S101 - bound before start
        assigned = self.consumer.assignment()
        # Before asking, for asking takes a while and positions move on meanwhile.
        places = {tp: Partition(tp.topic, tp.partition) for tp in assigned}
        positions = {tp: self.window.position(place) or self._starts.get(place) for tp, place in places.items()}
        ends = await self.consumer.highwaters(*assigned) if assigned else {}
        behind = {tp for tp, position in positions.items() if position is not None and position > ends[tp]}
        # A new leader may know of less for a moment: only who stays behind was made again.
        staying, self._behind = behind & self._behind, behind
        return next((f"{tp.topic}[{tp.partition}]" for tp in staying), None)

    def _new_consumer(self) -> Any:
        self.transport.Consumer = StageConsumer
        return super()._new_consumer()

    async def on_first_start(self) -> None:
        """Make no folders: there are no tables."""

    async def _on_partitions_revoked(self, revoked: set[TP]) -> None:
        self.settled.clear()
        self._unsettled_since = time.monotonic()
        await self._quiesce()
        # While stopping, Faust would close the client here, under the commit; `_stop_consumer` ends the rest.
        if not self.should_stop:
            await super()._on_partitions_revoked(revoked)

    async def _on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        assert self.window is not None  # noqa: S101 - bound before start
        if self.should_stop:
            return
        self.was_assigned = True
        if assigned:
            try:
                await self._find_starts(assigned)
            except Exception as error:  # noqa: BLE001 - where to start is unknown, and Faust would go on without
                self.crash_on(error)
        await super()._on_partitions_assigned(assigned, generation_id)
        self.window.resume()
        self.settled.set()
        log.info("assigned", group=self.conf.id, partitions=sorted(tp.partition for tp in assigned))

    async def _stop_consumer(self) -> None:
        if self._consumer is not None:
            await self._quiesce()
        await super()._stop_consumer()

    async def _quiesce(self) -> None:
        """Take nothing more, finish what was begun, commit it, and let nothing late move an offset."""
        assert self.window is not None  # noqa: S101 - bound before start
        # A rebalance and a stop may come at once; the second finds nothing left to do.
        async with self._quiescing:
            self.consumer.stop_flow()
            self.flow_control.suspend()
            self.flow_control.clear()
            if self._is_out_of_the_group():
                # Others own our partitions by now: what we finish or commit late would be done twice.
                await self.window.drain(0)
            else:
                await self.window.drain(self._drain_s)
                await self.commit_done()
            self._done.clear()

    def _is_out_of_the_group(self) -> bool:
        client = self.consumer._thread._consumer
        return client is not None and client._coordinator.generation < 0

    async def _find_starts(self, assigned: set[TP]) -> None:
        """
        Find out where each partition must start: at the group's commit, else at its first record.

        A commit behind the end of the log belongs to a topic that was deleted and made again. Faust
        would drop every record below it without a word, so it is set back first.
        """
        places = await self._survey(assigned)
        for _ in range(_LEADER_CATCHES_UP_S):
            if not _beyond_the_end(places):
                break
            # A new leader may know of less for a moment.
            await asyncio.sleep(1)
            places = await self._survey(assigned)
        rewound = _beyond_the_end(places)
        if rewound:
            log.warning("topic was made again, starting at its beginning", partitions=[str(tp) for tp in rewound])
            await self.consumer._commit(rewound)
        for tp, (first, committed, _end) in places.items():
            if committed is not None and committed < first:
                log.error("records expired before they were read", partition=str(tp), records=first - committed)
        self._starts = {
            Partition(tp.topic, tp.partition): first if committed is None or tp in rewound else max(first, committed)
            for tp, (first, committed, _end) in places.items()
        }

    async def _survey(self, assigned: set[TP]) -> dict[TP, tuple[int, int | None, int]]:
        """
        Ask for each partition's first offset, the group's commit, and the end.

        A partition without a leader is left out: it has nothing to deliver either. No heartbeat is
        sent meanwhile, hence the deadline.
        """
        thread = self.consumer._thread
        client = thread._ensure_consumer()

        async def one(tp: TP) -> tuple[int, int | None, int]:
            first, end = await client.beginning_offsets([tp]), await client.end_offsets([tp])
            return first[tp], await client.committed(tp), end[tp]

        async def ask() -> dict[TP, tuple[int, int | None, int]]:
            # In one go: each call into Faust's consumer thread may wait for a fetch of a second.
            asked = {tp: asyncio.create_task(one(tp)) for tp in assigned}
            await asyncio.wait(asked.values(), timeout=self.conf.broker_session_timeout / 4)
            answers = {}
            for tp, task in asked.items():
                if task.done() and task.exception() is None:
                    answers[tp] = task.result()
                task.cancel()
            return answers

        places: dict[TP, tuple[int, int | None, int]] = await thread.call_thread(ask)
        return places


def _beyond_the_end(places: dict[TP, tuple[int, int | None, int]]) -> dict[TP, int]:
    """Pick the partitions whose commit lies behind the end of the log, with their first offsets."""
    return {tp: first for tp, (first, committed, end) in places.items() if (committed or 0) > end}


def _delivery(message: Any) -> Delivery[Record]:
    record = Record(message.key, message.value, list(message.headers or ()), message.timestamp)
    return Delivery(Partition(message.topic, message.partition), message.key, message.offset, record)
