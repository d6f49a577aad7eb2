"""
Maintains the index of uploads: reads every topic and stores each upload's entry and the offsets read so far.

It stores rows and positions in one transaction, so that after any crash the index matches the messages up to its
positions. Stages write nothing for it and never wait for it. One projector is enough; of two, the slower fails and
reads the positions again.
"""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import Engine

from klaviyo_sink.state.database import open_database, reading
from klaviyo_sink.state.uploads import (
    Claim,
    Log,
    MovedError,
    clear_foreign,
    find,
    foreign_positions,
    read_positions,
    write,
)
from schemas.topics import Topic, topics
from streams.config.settings import Settings
from streams.index.claims import claimed
from streams.index.entry import Entry, Key, Sighting, noted, of_row, sighting, to_row
from streams.index.pruning import prune_old
from streams.kafka.clients import Admin, NoKafkaError
from streams.kafka.reader import Seen, UnreadableTopicError, follow
from streams.kafka.within import Within

log = structlog.get_logger()

#: Most messages per transaction, and most seconds that the oldest of them waits for more.
AT_ONCE: Final = 1000
_LINGER_S: Final = 0.5
#: Seconds without a write after which an index of another Kafka cluster counts as abandoned.
_ABANDONED_S: Final = 60.0
#: Seconds after which the projector writes even if no message arrived, so that its index does not look abandoned.
_ALIVE_S: Final = 20.0
#: Seconds between two searches for old rows.
_PRUNE_EVERY_S: Final = 60.0


class Projector:
    """One run over the topics, in the thread that calls it."""

    def __init__(
        self,
        settings: Settings,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Do not connect yet; `run` does. `monotonic` counts seconds, and no change of the machine's clock moves it."""
        self._settings, self._now, self._monotonic, self._sleep = settings, now, monotonic, sleep
        self._topics: dict[str, Topic] = {topic.name: topic for topic in topics(settings.topic_prefix).all()}
        self._batch: list[Sighting] = []
        self._before: dict[Log, int] = {}
        self._after: dict[Log, int] = {}
        #: When the oldest message that is not stored was read, and when old rows were last searched, in seconds.
        self._since: float | None = None
        self._pruned_at: float | None = None
        #: When the index was last written, in seconds.
        self._written_at = self._monotonic()

    def run(self, going: Callable[[], bool], *, to_end: bool = False, tell: Callable[[], None] = lambda: None) -> None:
        """
        Read until `going` returns false, or with `to_end` to the end of the topics. Calls `tell` for each message.

        Raises:
            StateUnavailableError: The state database cannot be opened.
            SQLAlchemyError: The state database failed.
            UnreadableTopicError: A topic is missing, or no broker responds.

        """
        engine = open_database(self._settings.state_url.get_secret_value())
        try:
            while going():
                try:
                    self._follow(engine, going, to_end=to_end, tell=tell)
                except MovedError:
                    log.info("another projector has written the index; continuing from its positions")
                    self._sleep(_LINGER_S)
                else:
                    return
        finally:
            engine.dispose()

    def _follow(self, engine: Engine, going: Callable[[], bool], *, to_end: bool, tell: Callable[[], None]) -> None:
        cluster = cluster_of(self._settings)
        if not self._owns(engine, cluster, going):
            return
        self._continue_from(read_positions(engine, cluster))

        def rest() -> bool:
            # Called twice a second, so that the last messages are stored even if no more arrive.
            if self._is_due() or self._is_silent():
                self._store(engine, cluster)
            self._prune(engine)
            return going()

        part = Within(starts=self._before)
        for seen in follow(self._settings, list(self._topics), within=part, forever=not to_end, going=rest):
            tell()
            self._take(seen)
            if len(self._batch) >= AT_ONCE or self._is_due():
                self._store(engine, cluster)
        self._store(engine, cluster)

    def _owns(self, engine: Engine, cluster: str, going: Callable[[], bool]) -> bool:
        """
        Wait until the database has no index of another Kafka cluster; False if `going` ended first.

        It clears such an index once nobody writes it any more: after a move to another cluster. While another
        projector writes it, this one waits, because the two would delete each other's work.
        """
        while foreign := foreign_positions(engine, cluster):
            for _ in range(round(_ABANDONED_S / _LINGER_S)):
                if not going():
                    return False
                self._sleep(_LINGER_S)
            if clear_foreign(engine, cluster, foreign):
                log.warning("the index of uploads was of another Kafka cluster: it was cleared and is built anew")
            elif foreign_positions(engine, cluster):
                log.error(
                    "another process indexes another Kafka cluster in this database: give each cluster a"
                    " HANGTAG_STATE_URL of its own"
                )
        return True

    def _take(self, seen: Seen) -> None:
        if self._since is None:
            self._since = self._monotonic()
        self._after[seen.topic, seen.partition] = seen.offset + 1
        one = sighting(self._topics[seen.topic], seen)
        if one is not None:
            self._batch.append(one)

    def _is_due(self) -> bool:
        return self._since is not None and self._monotonic() - self._since >= _LINGER_S

    def _is_silent(self) -> bool:
        """Return whether a projector of another cluster might soon take this index for abandoned."""
        return self._monotonic() - self._written_at >= _ALIVE_S

    def _continue_from(self, positions: dict[Log, int]) -> None:
        self._batch, self._before, self._after, self._since = [], positions, dict(positions), None

    def _store(self, engine: Engine, cluster: str) -> None:
        if self._since is None and not self._is_silent():
            return
        now, self._written_at = self._now(), self._monotonic()
        with reading(engine) as connection:
            found = find(connection, {one.key for one in self._batch})
        entries: dict[Key, Entry] = {}
        seen: dict[tuple[str, str], Claim] = {}
        for one in self._batch:
            old = entries.get(one.key) or (of_row(found[one.key]) if one.key in found else None)
            entries[one.key] = noted(old, one, now=now)
            for digest in claimed(one.event) if one.event is not None else ():
                seen[digest, one.key[1]] = Claim(digest, one.key[1], entries[one.key].status.changed_at)
        rows, before, after = map(to_row, entries.values()), self._before, self._after
        # Continue from the positions of this write, not from the database's newest: if another projector has written
        # since, the next write must fail.
        moved = write(engine, rows, seen.values(), cluster=cluster, before=before, after=after, known=found.values())
        self._continue_from(moved)

    def _prune(self, engine: Engine) -> None:
        if self._pruned_at is not None and self._monotonic() - self._pruned_at < _PRUNE_EVERY_S:
            return
        # If there are more, continue at the next call half a second later.
        self._pruned_at = None if prune_old(engine, self._now()) else self._monotonic()


def cluster_of(settings: Settings) -> str:
    """
    Return the id of the Kafka cluster: offsets are valid only within one cluster.

    Raises:
        UnreadableTopicError: No broker responds, or none knows the id.

    """
    try:
        found = Admin(settings).cluster().cluster_id
    except NoKafkaError as error:
        raise UnreadableTopicError(str(error)) from None
    if not found:
        raise UnreadableTopicError("the brokers do not report the id of their cluster yet")
    return str(found)[:64]
