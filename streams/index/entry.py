"""
One upload in the index, computed from its messages: its status, and the place of every message. Pure.

An entry contains no text, no identity and no photo address.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from pydantic_core import from_json

from klaviyo_sink.state.uploads import Indexed
from schemas.codec import UndecodableError, decode
from schemas.events import Event, FrozenModel
from schemas.framing import unframed
from schemas.topics import Topic
from streams.index.status import Status, after, ending, stopped
from streams.kafka.reader import Seen
from streams.runtime.dead_letters import read_letter

#: Topic, partition and offset of a message.
Place = tuple[str, int, int]
#: Upload id and shopper id.
Key = tuple[str, str]

#: Most places in an entry; `more` marks an upload with further messages.
MOST_PLACES: Final = 60
#: Longest ids that fit into the database's columns (`klaviyo_sink/state/tables.py`).
_LONGEST_UPLOAD, _LONGEST_SHOPPER = 128, 255
#: Control characters and lone surrogates.
_NO_TEXT: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One upload of one shopper as stored in the index."""

    status: Status
    shopper_id: str
    #: Broker time of its first message.
    seen_at: datetime
    places: tuple[Place, ...] = ()
    #: Whether it has messages that are not in `places`.
    more: bool = False

    @property
    def key(self) -> Key:
        """The entry's key in the index."""
        return self.status.upload_id, self.shopper_id

    def places_in(self, topic: str) -> list[Place]:
        """Return the places of its messages in a topic, by partition and offset."""
        return sorted(place for place in self.places if place[0] == topic)


class _Facts(FrozenModel):
    """The content of the column `facts`."""

    status: Status
    #: Digest of the photo; a status that is shown does not contain it.
    sha256: str | None
    #: Partition and offset, by topic.
    places: dict[str, list[tuple[int, int]]]
    more: bool


@dataclass(frozen=True, slots=True)
class Sighting:
    """A message of an upload, parsed as far as the index needs."""

    key: Key
    topic: Topic
    seen: Seen
    #: None for a dead letter, and for a message that no stage can read.
    event: Event | None = None


def sighting(topic: Topic, seen: Seen) -> Sighting | None:
    """Return the message with its upload's key; None if it belongs to no upload: a replay mark, or unknown bytes."""
    if topic.event is not None:
        try:
            event = decode(topic.event, seen.value)
        except UndecodableError:
            # Continue: the index keeps its place, for the upload that its header names. So `hangtag trace` shows it.
            pass
        else:
            return _fit(Sighting((event.upload_id, event.shopper_id), topic, seen, event))
    named = _named(seen)
    upload_id, shopper_id = seen.upload_id or named.get("upload_id"), named.get("shopper_id")
    if shopper_id is None and seen.key is not None:
        # The shopper in the value comes before the key, as in events: the key only selects the partition.
        shopper_id = seen.key.decode(errors="replace")
    if not isinstance(upload_id, str) or not isinstance(shopper_id, str):
        return None
    return _fit(Sighting((upload_id, shopper_id), topic, seen))


def noted(entry: Entry | None, one: Sighting, *, now: datetime) -> Entry:
    """Return the entry with this message added. Messages may come in any order; a repeated one changes nothing."""
    # Producers may set their own times. An upload with a time in the future would be kept until then.
    at = datetime.fromtimestamp(min(max(one.seen.timestamp, 0.0), now.timestamp()), UTC)
    upload_id, shopper_id = one.key
    old = entry or Entry(Status(upload_id=upload_id, changed_at=at), shopper_id, at)
    letter = read_letter(one.seen.headers) if one.topic.event is None else None
    status = old.status
    if one.event is not None:
        status = after(status, one.event, at)
    elif letter is not None:
        status = stopped(status, letter, at)
    place = (one.seen.topic, one.seen.partition, one.seen.offset)
    places = old.places if place in old.places else (*old.places, place)
    return replace(
        old,
        status=status,
        seen_at=min(old.seen_at, at),
        # Keep the first digest: it is that of the photo uploaded first.
        places=places if len(places) <= MOST_PLACES else (places[0], *places[2:]),
        more=old.more or len(places) > MOST_PLACES,
    )


def to_row(entry: Entry) -> Indexed:
    """Return the entry as a row."""
    places: dict[str, list[tuple[int, int]]] = {}
    for topic, partition, offset in entry.places:
        places.setdefault(topic, []).append((partition, offset))
    status = entry.status
    facts = _Facts(status=status, sha256=status.sha256, places=places, more=entry.more)
    return Indexed(
        upload_id=status.upload_id,
        shopper_id=entry.shopper_id,
        seen_at=entry.seen_at,
        changed_at=status.changed_at,
        step=status.step,
        ended=ending(status),
        facts=facts.model_dump_json(),
    )


def of_row(row: Indexed) -> Entry:
    """
    Return the row as an entry.

    Raises:
        ValidationError: No version of Hangtag wrote this row.

    """
    facts = _Facts.model_validate_json(row.facts)
    status = facts.status.model_copy(update={"sha256": facts.sha256})
    places = [(topic, *place) for topic, ones in facts.places.items() for place in ones]
    return Entry(status, row.shopper_id, row.seen_at, tuple(places), facts.more)


def _named(seen: Seen) -> Mapping[str, Any]:
    try:
        data = from_json(unframed(seen.value or b""))
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _fit(one: Sighting) -> Sighting | None:
    """Return None if an id is one that no event may have and that a database may reject."""
    upload_id, shopper_id = one.key
    fit = 0 < len(upload_id) <= _LONGEST_UPLOAD and 0 < len(shopper_id) <= _LONGEST_SHOPPER
    return one if fit and _NO_TEXT.search(upload_id + shopper_id) is None else None
