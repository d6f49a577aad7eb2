"""
Finds an upload's messages with the index: those at known places, and those newer than the index.

Reads only the known places and the messages after the index's positions: together they cover the topics. Without an
index, callers read the topics.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Self, TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from klaviyo_sink.state.database import StateUnavailableError, is_missing, open_for_reading, reading
from klaviyo_sink.state.uploads import WRITES, Indexed, Log, claimants, of_shopper, of_upload, positions
from schemas.topics import topics
from streams.config.settings import Settings
from streams.index.entry import Entry, of_row
from streams.index.projector import cluster_of
from streams.kafka.places import read_places
from streams.kafka.reader import Seen, ends, follow
from streams.kafka.within import Within

log = structlog.get_logger()

T = TypeVar("T")
#: Most places that are read one by one; for a shopper with more, the whole partition is read.
_MOST_PLACES: Final = 500


@dataclass(frozen=True, slots=True)
class UploadIndex:
    """The index at one moment, opened by `open_index`. A context manager."""

    settings: Settings
    engine: Engine
    #: The next offset to index, by topic and partition.
    positions: dict[Log, int]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self.engine.dispose()

    def entries(self, upload_id: str) -> list[Entry]:
        """
        Return the entries of an upload, that of the shopper seen first before others.

        Raises:
            SQLAlchemyError: The state database failed.

        """
        return self._read(lambda connection: of_upload(connection, upload_id))

    def entries_of(self, shopper_id: str) -> list[Entry]:
        """Return the entries of a shopper's uploads, oldest first. Raises as `entries`."""
        return self._read(lambda connection: of_shopper(connection, shopper_id))

    def messages_of_upload(self, names: list[str], upload_id: str) -> Iterator[Seen]:
        """
        Yield an upload's messages in these topics, perhaps mixed with others.

        Raises:
            SQLAlchemyError: The state database failed.
            UnreadableTopicError: A topic is missing, or no broker responds.

        """
        found = self.entries(upload_id)
        keys = {entry.shopper_id for entry in found}
        return self._messages(names, found, keys.pop() if len(keys) == 1 else None)

    def messages_of_shopper(self, names: list[str], shopper_id: str) -> Iterator[Seen]:
        """
        Yield a shopper's messages in these topics, perhaps mixed with others. Raises as `messages_of_upload`.

        Includes those with another key: stages use the shopper in the event; the key only selects the partition.
        """
        return self._messages(names, self.entries_of(shopper_id), None)

    def claimants(self, digests: set[str]) -> dict[str, set[str]]:
        """Return by digest who claims an identifier or a photo (`streams.index.claims`). Raises as `entries`."""
        with reading(self.engine) as connection:
            return claimants(connection, digests)

    def behind(self) -> dict[str, int]:
        """Return by topic how many messages are newer than the index. Raises `UnreadableTopicError`."""
        names = [topic.name for topic in topics(self.settings.topic_prefix).all()]
        found = dict.fromkeys(names, 0)
        for at, end in ends(self.settings, names).items():
            found[at[0]] += max(0, end - self.positions.get(at, 0))
        return found

    def messages_since(self, names: list[str]) -> Iterator[Seen]:
        """Yield the messages that are newer than the index. Raises `UnreadableTopicError`."""
        return follow(self.settings, names, within=Within(starts=self.positions))

    def _messages(self, names: list[str], found: list[Entry], key: str | None) -> Iterator[Seen]:
        places = {place for entry in found for place in entry.places if place[0] in names}
        if len(places) > _MOST_PLACES or any(entry.more for entry in found):
            since = min(entry.seen_at for entry in found).timestamp()
            yield from follow(self.settings, names, within=Within(since))
            return
        yield from read_places(self.settings, places)
        for seen in follow(self.settings, names, within=Within(key=key, starts=self.positions)):
            if (seen.topic, seen.partition, seen.offset) not in places:
                yield seen

    def _read(self, query: Callable[[Connection], Iterable[Indexed]]) -> list[Entry]:
        with reading(self.engine) as connection:
            return [of_row(row) for row in query(connection)]


def open_index(settings: Settings, *, strict: bool = False) -> UploadIndex | None:
    """
    Open the index to read it; None if there is none of this Kafka cluster.

    If the state database fails, it logs that and returns None, so that callers read the topics instead. With `strict`
    it raises, for callers who must not take a failure for an absent index.

    Raises:
        StateUnavailableError: With `strict`, the state database failed.
        UnreadableTopicError: No broker responds.

    """
    url = settings.state_url.get_secret_value()
    if not settings.index_uploads or is_missing(url):
        return None
    engine: Engine | None = None
    opened: UploadIndex | None = None
    try:
        engine = open_for_reading(url)
        with reading(engine) as connection:
            found = positions(connection, cluster_of(settings))
        if WRITES in found:
            opened = UploadIndex(settings, engine, {at: offset for at, offset in found.items() if at != WRITES})
    except (StateUnavailableError, SQLAlchemyError) as error:
        # Class only: the message of a driver may name the server.
        name = type(error).__name__
        if strict:
            raise StateUnavailableError(f"the index of uploads cannot be read ({name})") from None
        log.warning("the index of uploads cannot be read", error=name)
    finally:
        if engine is not None and opened is None:
            engine.dispose()
    return opened
