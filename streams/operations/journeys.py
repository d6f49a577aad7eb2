"""
Follows chosen uploads through the topics to their end, with their texts and tags.

Uses the gateway's status of an upload, and adds the tag group's commits, which no topic shows.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from schemas.codec import UndecodableError, decode
from schemas.events import DeadLetter, OutfitTagged, PhotoUploaded, Tag, TextRecognized
from schemas.steady_clock import now as steady_now
from schemas.topics import Topic, topics
from streams.config.settings import Settings
from streams.index.status import Ending, Status, after, ending, stopped
from streams.kafka.commits import committed_offsets
from streams.kafka.reader import Seen, UnreadableTopicError, follow
from streams.runtime.dead_letters import read_letter

_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(slots=True)
class Journey:
    """The messages of one upload so far."""

    status: Status
    uploaded_at: datetime | None = None
    texts: tuple[str, ...] = ()
    tags: tuple[Tag, ...] = ()
    #: Reason and message of its last dead letter.
    letter: str | None = None
    #: Partition and offset of its text, to see whether the tag stage has committed it.
    text_at: tuple[int, int] | None = None
    tag_stage_past: bool = False
    last_seen: float = 0.0

    @property
    def outcome(self) -> Ending | None:
        """Return how it ended; None if it has not."""
        return ending(self.status, tag_stage_past=self.tag_stage_past)

    def stop(self, letter: DeadLetter, seen: Seen) -> None:
        """Record a dead letter."""
        self.letter, self.last_seen = f"{letter.reason}: {letter.message}", seen.timestamp
        self.status = stopped(self.status, letter, _moment(seen))

    @property
    def feedback(self) -> str | None:
        """Return the code of the feedback to the shopper."""
        return self.status.feedback.code if self.status.feedback else None

    @property
    def ms(self) -> int:
        """Milliseconds from the upload to its last message."""
        began = self.uploaded_at.timestamp() if self.uploaded_at else self.last_seen
        return max(0, round((self.last_seen - began) * 1000))


@dataclass(slots=True)
class Journeys:
    """Follows uploads by their ids. Run `follow` in a thread."""

    settings: Settings
    wanted: set[str]
    by_upload: dict[str, Journey] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Create a journey for every upload, so that a lost one is shown."""
        self.by_upload = {one: Journey(Status(upload_id=one, changed_at=_EPOCH)) for one in self.wanted}

    def follow(self, going: Callable[[], bool]) -> None:
        """Read all topics from their beginning until `going` returns false."""
        by_name = {topic.name: topic for topic in topics(self.settings.topic_prefix).all()}
        for seen in follow(self.settings, list(by_name), forever=True, going=going):
            with self._lock:
                self.note(by_name[seen.topic], seen)

    def ended(self) -> int:
        """Return the number of uploads that have ended."""
        waiting = [one for one in self.by_upload.values() if one.outcome is None and one.text_at is not None]
        if waiting:
            past = self._tag_commits()
            with self._lock:
                for journey in waiting:
                    partition, offset = journey.text_at or (0, 0)
                    # Once the text is committed, its tags are in the topic. They may not have been read here yet.
                    journey.tag_stage_past = past.get(partition, 0) > offset and journey.last_seen < _now() - 1
        return sum(journey.outcome is not None for journey in self.by_upload.values())

    def note(self, topic: Topic, seen: Seen) -> None:
        """Record a message."""
        if topic.event is None:
            letter = read_letter(seen.headers)
            journey = self.by_upload.get(seen.upload_id)
            if journey is not None and letter is not None:
                journey.stop(letter, seen)
            return
        try:
            event = decode(topic.event, seen.value)
        except UndecodableError:
            return
        journey = self.by_upload.get(event.upload_id)
        if journey is None:
            return
        journey.last_seen = max(journey.last_seen, seen.timestamp)
        journey.status = after(journey.status, event, _moment(seen))
        if isinstance(event, PhotoUploaded):
            journey.uploaded_at = event.uploaded_at
        elif isinstance(event, TextRecognized):
            journey.texts = tuple(line.text for line in event.texts)
            journey.text_at = (seen.partition, seen.offset)
        elif isinstance(event, OutfitTagged):
            journey.tags = event.tags

    def _tag_commits(self) -> dict[int, int]:
        """Return the tag group's committed offsets by partition of texts; empty while the broker does not respond."""
        topic = topics(self.settings.topic_prefix).texts.name
        try:
            return committed_offsets(self.settings, "tag", topic, patience_s=0)
        except UnreadableTopicError:
            # The caller tries again soon, because a rebalance or a busy broker is temporary.
            return {}


def _moment(seen: Seen) -> datetime:
    return datetime.fromtimestamp(seen.timestamp, UTC)


def _now() -> float:
    return steady_now().timestamp()
