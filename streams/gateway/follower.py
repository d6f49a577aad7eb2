"""
Keeps a gateway's memory up to date: a thread reads the topics.

With an index of uploads, it starts where the index ends; without one, at the oldest time to remember. After a failure
it continues where it was.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import structlog

from klaviyo_sink.state.database import StateUnavailableError
from klaviyo_sink.state.uploads import Log
from schemas.codec import UndecodableError, decode
from schemas.steady_clock import now as steady_now
from schemas.topics import Topic, topics
from streams.config.settings import Settings
from streams.erasure.guard import ForgottenShoppers
from streams.erasure.letters import shoppers_in
from streams.gateway.forgotten import ForgottenUploads
from streams.gateway.memory import Memory
from streams.gateway.recorded import Known, Recorded
from streams.kafka.reader import Seen, UnreadableTopicError, follow
from streams.kafka.within import Within
from streams.runtime.dead_letters import read_letter

log = structlog.get_logger()

#: Seconds before topics that could not be read are tried again.
_PAUSE_S = 1.0


class Follower:
    """Reads every topic. Each gateway has its own follower, so gateways do not depend on each other."""

    def __init__(
        self,
        settings: Settings,
        memory: Memory,
        *,
        crash: Callable[[Exception], object],
        ledger: ForgottenShoppers | None = None,
        owners: ForgottenUploads | None = None,
        recorded: Recorded | None = None,
    ) -> None:
        """
        Create the follower of a memory; `start` connects.

        Args:
            settings: Address of Kafka.
            memory: Gets the status of each upload.
            crash: Called with an unexpected exception.
            ledger: Messages of the shoppers in this erasure ledger are skipped.
            owners: Learns the shopper of each remembered upload.
            recorded: Knows the uploads before the position where this starts to read.

        """
        self._settings, self._memory, self._crash = settings, memory, crash
        self._ledger, self._owners, self._recorded = ledger, owners, recorded
        #: The next offset to read, by topic and partition; None before the first start.
        self._next: dict[Log, int] | None = None
        #: Whether the memory has all uploads since the oldest time to remember, without the index.
        self._by_time = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway-follower", daemon=True)
        #: Whether everything that was in the topics at the start has been read.
        self.caught_up = False
        #: Whether the index has all but the last messages.
        self.indexed = False

    def start(self) -> None:
        """Start the thread. Call it in the event loop that uses the memory."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def aclose(self) -> None:
        """Stop the thread."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._follow()
        except Exception as error:  # noqa: BLE001 - a gateway that no longer learns anything must be started again
            self._tell(self._crash, error)
        finally:
            # Whatever caused the end, the memory is no longer up to date.
            self._tell(self._lost)

    def _follow(self) -> None:
        if self._ledger is not None:
            # Read the ledger before the first message, which may be of a forgotten shopper.
            self._ledger.read()
        by_name = {topic.name: topic for topic in topics(self._settings.topic_prefix).all()}
        try:
            part, self._next = self._left_to_read()
            for seen in follow(
                self._settings,
                list(by_name),
                within=part,
                forever=True,
                going=lambda: not self._stop.is_set(),
                caught_up=lambda: self._tell(self._caught_up),
            ):
                self._note(by_name[seen.topic], seen)
                # Move the position only now, so that a message that could not be noted is read again.
                self._next[seen.topic, seen.partition] = seen.offset + 1
        except UnreadableTopicError as error:
            self._tell(self._lost)
            log.warning("cannot read the topics; trying again", message=str(error))
            self._stop.wait(_PAUSE_S)
        except StateUnavailableError as error:
            # Without the index, the memory would show only a part of an upload's status.
            self._tell(self._lost)
            log.warning("cannot continue without the index of uploads; trying again", message=str(error))
            self._stop.wait(_PAUSE_S)

    def _left_to_read(self) -> tuple[Within, dict[Log, int]]:
        """Return the part of the topics that this has not read, and its positions."""
        indexed = self._index_positions()
        if indexed is not None:
            self._tell(self._found_index)
        read = self._next
        if read is None:
            # Only at the first start: later the index may be ahead of the memory, which would then miss messages.
            self._by_time, read = indexed is None, dict(indexed or {})
        since = steady_now().timestamp() - self._settings.gateway_remember_s if self._by_time else None
        return Within(since, starts=None if self._by_time and not read else read), read

    def _index_positions(self) -> Mapping[Log, int] | None:
        """Return where the index ends; None without an index, and while it cannot be read."""
        if self._recorded is None:
            return None
        try:
            return self._recorded.positions()
        except StateUnavailableError as error:
            log.warning("following the topics without the index of uploads", message=str(error))
            return None

    def _note(self, topic: Topic, seen: Seen) -> None:
        # Producers set their own clocks: an event with a future time would be remembered until then.
        at = datetime.fromtimestamp(min(max(seen.timestamp, 0.0), steady_now().timestamp()), UTC)
        if topic.event is None:
            letter = read_letter(seen.headers)
            if letter is not None:
                shoppers = shoppers_in(self._settings, seen)
                self._remember(seen.upload_id, shoppers, self._memory.note_letter, seen.upload_id, letter, at)
            return
        try:
            event = decode(topic.event, seen.value)
        except UndecodableError:
            # The stage makes a dead letter of it, which this will read.
            return
        self._remember(event.upload_id, {event.shopper_id}, self._memory.note, event, at)

    def _remember(self, upload_id: str, shoppers: set[str], note: Callable[..., object], *facts: object) -> None:
        if self._ledger is not None and any(map(self._ledger.knows, shoppers)):
            return
        if self._owners is not None:
            self._tell(self._owners.note_owners, upload_id, shoppers)
        # Another thread than the event loop's may call `get`, because it only reads.
        if self._memory.get(upload_id) is None:
            before = self._recorded_before(upload_id)
            if before is not None:
                if self._owners is not None:
                    self._tell(self._owners.note_owners, upload_id, before.shopper_ids)
                self._tell(self._memory.recall, before.status)
        self._tell(note, *facts)

    def _recorded_before(self, upload_id: str) -> Known | None:
        """Return the upload as in the index; None if it is not there."""
        if self._recorded is None:
            return None
        try:
            return self._recorded.known(upload_id)
        except StateUnavailableError:
            if self._by_time:
                # The topics alone gave the memory everything that it must remember.
                return None
            raise

    def _found_index(self) -> None:
        self.indexed = True

    def _caught_up(self) -> None:
        self.caught_up = True

    def _lost(self) -> None:
        self.caught_up = self.indexed = False

    def _tell(self, what: Callable[..., object], *arguments: object) -> None:
        """Call a function in the event loop, which owns the memory."""
        self._loop.call_soon_threadsafe(what, *arguments)
