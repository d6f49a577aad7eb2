"""
Kept texts through the current lexicon again: finds the uploads whose tags change, and publishes the new ones.

Goes partition by partition, so that a run that was interrupted can go on at its partition. Within one, nothing is
remembered between runs: what the tags topic says decides, so a run after a whole one finds nothing.
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

#: Texts looked at between two deliveries, and between two chances to stop.
_AT_ONCE = 100
#: A tag event follows its text; its time may still be earlier by as much as clocks of two machines differ.
_CLOCKS_S = 3600
#: How long to wait for a broker that has just started or taken over, in seconds.
_COORDINATOR_S = 20
#: Records at the start of each partition by which it shows that partitions were added since.
_SAMPLE = 50


@dataclass(frozen=True, slots=True)
class Kept:
    """Which texts a run looks at."""

    settings: Settings
    #: Only texts from this time on, seconds since the epoch.
    since: float | None = None
    #: Only this shopper's.
    shopper: str | None = None
    #: Tells whose uploads are passed over.
    is_forgotten: Callable[[str], bool] = lambda _shopper_id: False
    #: Knows where the shopper's messages lie.
    index: UploadIndex | None = None

    def parts(self) -> list[int | None]:
        """
        Give the partitions of texts to go through, one after the other; a single None where all go at once.

        One partition's tags lie in the same partition of their topic. Not so where the two topics have different
        numbers of partitions, or have got more since their oldest records: then a text's tags may lie anywhere.

        Raises:
            UnreadableTopicError: a topic is missing, or no broker answered.

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
        Read what the tag stage has committed of the texts. Raises as `parts`.

        Read before the topics: the tags of every committed text are then in the tags topic.
        """
        name = topics(self.settings.topic_prefix).texts.name
        return committed_offsets(self.settings, "tag", name, patience_s=_COORDINATOR_S)

    def texts(self, part: int | None) -> Iterator[tuple[Seen, TextRecognized]]:
        """Read the texts of a part. Raises as `parts`."""
        name = topics(self.settings.topic_prefix).texts.name
        for seen in self._messages(name, self.since, part):
            text = _event(TextRecognized, seen, self.shopper)
            if text is not None and not self.is_forgotten(text.shopper_id):
                yield seen, text

    def tags(self, part: int | None) -> Iterator[OutfitTagged]:
        """Read the tags that may be of a part's texts. Raises as `parts`."""
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
    """Find the uploads of a part and what was last said of them; calls `tell` for each event. Raises as `parts`."""
    uploads = KeptUploads(past)
    for seen, text in kept.texts(part):
        tell()
        uploads.add_text(text.upload_id, seen.partition, seen.offset)
    for tagged in kept.tags(part):
        tell()
        uploads.add_tags(tagged)
    return uploads


def find_changes(
    kept: Kept, part: int | None, uploads: KeptUploads, tagger: Tagger, *, now: Callable[[], datetime]
) -> Iterator[Change | None]:
    """Tag every upload of a part again that may have changed; None for each that has not. Raises as `parts`."""
    version = tagger.lexicon.version
    for seen, text in kept.texts(part) if uploads.counts(version).to_tag else ():
        found = uploads.to_tag(text.upload_id, seen.partition, seen.offset, version)
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
    Publish changes as they are found, and `tell` of everything that was looked at, after its delivery.

    Stops at the first that Kafka does not take, and says why.
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
        # Where nothing was sent, whoever wants to stop gets a chance all the same.
        await asyncio.sleep(0)
    return None


def _event(kind: type[E], seen: Seen, shopper: str | None) -> E | None:
    """Read an event; None for another shopper's, and for what no stage could read either."""
    if shopper is not None and seen.key != shopper.encode():
        return None
    try:
        return decode(kind, seen.value)
    except UndecodableError:
        return None
