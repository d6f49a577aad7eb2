"""
Tags kept texts again with the current lexicon, and publishes the new tags of each upload whose tags change.

Works partition by partition, so that an interrupted run can continue at its partition. Within a partition, a run stores
no progress: it compares with the tags topic, so a run after a complete run finds no changes.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TypeVar

from rules.tagger import Tagger
from schemas.codec import UndecodableError, decode, encode
from schemas.emitter import Emitter
from schemas.events import Event, OutfitTagged, TextRecognized
from schemas.outcomes import Later, Never
from schemas.topics import topics
from streams.config.settings import Settings
from streams.index.lookup import UploadIndex
from streams.kafka.commits import committed_offsets
from streams.kafka.partitioner import partition_of
from streams.kafka.reader import Seen, follow, oldest
from streams.kafka.within import Within
from streams.operations.kept_uploads import KeptUploads
from streams.operations.tag_changes import Change, change_of

E = TypeVar("E", bound=Event)

#: Texts processed between two deliveries, and between two chances to stop.
_AT_ONCE = 100
#: A tag event follows its text, but its time may be earlier by as much as the clocks of two machines differ.
_CLOCKS_S = 3600
#: Seconds to wait for a broker that has just started or become the leader.
_COORDINATOR_S = 20
#: Records to read at the start of each partition, to detect that partitions were added since they were written.
_SAMPLE = 50


@dataclass(frozen=True, slots=True)
class Kept:
    """Selects the texts of a run, and reads them and their tags."""

    settings: Settings
    #: Only texts from this time on, seconds since the epoch.
    since: float | None = None
    #: Only this shopper's texts.
    shopper: str | None = None
    #: Returns whether to skip the uploads of a shopper.
    is_forgotten: Callable[[str], bool] = lambda _shopper_id: False
    #: Finds the shopper's messages.
    index: UploadIndex | None = None

    def parts(self) -> list[int | None]:
        """
        Return the partitions of texts to process one after the other; a single None to process all together.

        The tags of a partition's texts are in the same partition of their topic. That is not so if the two topics have
        different numbers of partitions, or got more since their oldest records: then the tags may be in any partition.

        Raises:
            UnreadableTopicError: A topic is missing, or no broker responds.

        """
        if self._by_index is not None:
            return [None]
        names = topics(self.settings.topic_prefix)
        numbers = set()
        for name in (names.texts.name, names.tags.name):
            records, partitions = oldest(self.settings, name, _SAMPLE)
            if any(one.key is None or one.partition != partition_of(one.key, partitions) for one in records):
                return [None]
            numbers.add(partitions)
        if len(numbers) > 1:
            return [None]
        (count,) = numbers
        return [partition_of(self.shopper.encode(), count)] if self.shopper is not None else list(range(count))

    def committed(self) -> dict[int, int]:
        """
        Return the offsets of texts that the tag stage has committed, by partition. Raises as `parts`.

        Call it before reading the topics: then the tags of every committed text are in the tags topic.
        """
        name = topics(self.settings.topic_prefix).texts.name
        return committed_offsets(self.settings, "tag", name, patience_s=_COORDINATOR_S)

    def texts(self, part: int | None) -> Iterator[tuple[Seen, TextRecognized]]:
        """Yield the texts of a part, each with its message. Raises as `parts`."""
        name = topics(self.settings.topic_prefix).texts.name
        for seen in self._messages(name, self.since, part):
            text = _event(TextRecognized, seen, self.shopper)
            if text is not None and not self.is_forgotten(text.shopper_id):
                yield seen, text

    def tags(self, part: int | None) -> Iterator[OutfitTagged]:
        """Yield the tag events that may belong to a part's texts. Raises as `parts`."""
        name = topics(self.settings.topic_prefix).tags.name
        since = None if self.since is None else self.since - _CLOCKS_S
        for seen in self._messages(name, since, part):
            tagged = _event(OutfitTagged, seen, self.shopper)
            if tagged is not None:
                yield tagged

    @property
    def _by_index(self) -> UploadIndex | None:
        return self.index if self.shopper is not None else None

    def _messages(self, name: str, since: float | None, part: int | None) -> Iterator[Seen]:
        part_of_topic = Within(since, partition=part)
        if self._by_index is None or self.shopper is None:
            return follow(self.settings, [name], within=part_of_topic)
        found = self._by_index.messages_of_shopper([name], self.shopper)
        return (seen for seen in found if part_of_topic.has_time(int(seen.timestamp * 1000)))


def read_uploads(
    kept: Kept, part: int | None, past: Mapping[int, int], *, tell: Callable[[], None] = lambda: None
) -> KeptUploads:
    """Return the uploads of a part with their last published tags. Calls `tell` for each event. Raises as `parts`."""
    uploads = KeptUploads(past)
    for seen, text in kept.texts(part):
        tell()
        uploads.add_text(text.upload_id, text.shopper_id, seen.partition, seen.offset)
    for tagged in kept.tags(part):
        tell()
        uploads.add_tags(tagged)
    return uploads


def find_changes(
    kept: Kept, part: int | None, uploads: KeptUploads, tagger: Tagger, *, now: Callable[[], datetime]
) -> Iterator[Change | None]:
    """Tag again each upload of a part that may change. Yields its change, or None without one. Raises as `parts`."""
    version = tagger.lexicon.version
    for seen, text in kept.texts(part) if uploads.counts(version).to_tag else ():
        found = uploads.to_tag(text.upload_id, text.shopper_id, seen.partition, seen.offset, version)
        if found is not None:
            yield change_of(text, found[0], tagger, now())


async def publish(
    found: Iterable[Change | None],
    settings: Settings,
    emitter: Emitter,
    *,
    tell: Callable[[Change | None], None],
) -> Later | Never | None:
    """
    Publish changes as they are found. Calls `tell` for each item, changed or not, after its delivery.

    Stops at the first change that Kafka does not accept, and returns why.
    """
    topic = topics(settings.topic_prefix).tags.name
    remaining = iter(found)

    async def send(event: OutfitTagged) -> Later | Never | None:
        value, headers = encode(event, source=f"hangtag/retag/{event.lexicon_version}")
        return await emitter.send(topic, key=event.shopper_id.encode(), value=value, headers=headers)

    while some := list(islice(remaining, _AT_ONCE)):
        events = [change.event for change in some if change is not None]
        refused = [answer for answer in await asyncio.gather(*map(send, events)) if answer is not None]
        if refused:
            return refused[0]
        for one in some:
            tell(one)
        # Even if nothing was sent, give the caller a chance to stop.
        await asyncio.sleep(0)
    return None


def _event(kind: type[E], seen: Seen, shopper: str | None) -> E | None:
    """Return the event of a message; None if it is not valid, or of another shopper by the event, not by the key."""
    try:
        event = decode(kind, seen.value)
    except UndecodableError:
        return None
    return event if shopper is None or event.shopper_id == shopper else None
