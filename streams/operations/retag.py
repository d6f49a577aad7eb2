"""
Kept texts through the current lexicon again: finds the uploads whose tags change, and publishes the new ones.

Nothing is remembered between runs: what the tags topic says decides, so a run that was interrupted goes on where
it stopped, and a run after a whole one finds nothing.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
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
from streams.kafka.commits import committed_offsets
from streams.kafka.reader import Seen, follow
from streams.operations.tag_changes import Change, Said, change_of, said_by

E = TypeVar("E", bound=Event)

#: Texts looked at between two deliveries, and between two chances to stop.
_AT_ONCE = 100
#: A tag event follows its text; its time may still be earlier by as much as clocks of two machines differ.
_CLOCKS_S = 3600
#: How long to wait for a broker that has just started or taken over, in seconds.
_COORDINATOR_S = 20


@dataclass(slots=True)
class KeptTexts:
    """The uploads whose texts the topic still holds."""

    #: Partition and offset of each upload's newest text.
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    #: What was last said of those that have tags.
    said: dict[str, Said] = field(default_factory=dict)
    #: Uploads that the tag stage has yet to come to: it publishes them itself, and not as backfill.
    waiting: set[str] = field(default_factory=set)

    def to_tag(self, version: str) -> dict[tuple[int, int], str]:
        """Give the uploads that a lexicon of this version may see differently, by the places of their texts."""
        current = {upload_id for upload_id, said in self.said.items() if said.lexicon_version == version}
        passed_over = current | self.waiting
        return {place: upload_id for upload_id, place in self.places.items() if upload_id not in passed_over}


def read_kept(
    settings: Settings,
    *,
    since: float | None = None,
    shopper: str | None = None,
    is_forgotten: Callable[[str], bool] = lambda _shopper_id: False,
    tell: Callable[[], None] = lambda: None,
) -> KeptTexts:
    """
    Find the uploads and what was last said of them. Holds about 1 kB for each in memory.

    Args:
        settings: Where Kafka is.
        since: Only texts from this time on, seconds since the epoch.
        shopper: Only this shopper's.
        is_forgotten: Tells whose uploads are passed over.
        tell: Called for every message.

    Raises:
        UnreadableTopicError: a topic is missing, or no broker answered.

    """
    names = topics(settings.topic_prefix)
    # Read the committed offsets before the topics: the tags of every committed text are then in the tags topic.
    past = committed_offsets(settings, "tag", names.texts.name, patience_s=_COORDINATOR_S)
    kept = KeptTexts()
    for seen in follow(settings, [names.texts.name], since=since):
        tell()
        text = _event(TextRecognized, seen, shopper)
        if text is not None and not is_forgotten(text.shopper_id):
            kept.places[text.upload_id] = (seen.partition, seen.offset)
    for seen in follow(settings, [names.tags.name], since=None if since is None else since - _CLOCKS_S):
        tell()
        tagged = _event(OutfitTagged, seen, shopper)
        if tagged is not None and tagged.upload_id in kept.places:
            before = kept.said.get(tagged.upload_id)
            # As the sync stage sees it.
            if before is None or tagged.tagged_at >= before.tagged_at:
                kept.said[tagged.upload_id] = said_by(tagged)
    kept.waiting = {
        upload_id
        for upload_id, (partition, offset) in kept.places.items()
        if upload_id not in kept.said and offset >= past.get(partition, 0)
    }
    return kept


def find_changes(
    settings: Settings, kept: KeptTexts, tagger: Tagger, *, since: float | None, now: Callable[[], datetime]
) -> Iterator[Change | None]:
    """Tag every upload again that may have changed; None for each that has not. Raises as `read_kept`."""
    to_tag = kept.to_tag(tagger.lexicon.version)
    for seen in follow(settings, [topics(settings.topic_prefix).texts.name], since=since) if to_tag else ():
        upload_id = to_tag.get((seen.partition, seen.offset))
        text = _event(TextRecognized, seen, None) if upload_id is not None else None
        if text is not None:
            yield change_of(text, kept.said.get(text.upload_id), tagger, now())


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
