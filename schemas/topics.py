"""
Defines every topic as data, for the code that creates, checks or documents topics.

Knows no Kafka client.
"""

from dataclasses import dataclass, fields
from datetime import timedelta

from schemas.events import Event, OutfitTagged, PhotoUploaded, ProfileSynced, TextRecognized, UploadFeedback

#: Topics with data from shoppers' photos keep it no longer than the photos themselves.
WEEK = timedelta(days=7)
#: How long topics of dead letters keep them.
LETTERS_KEPT = 2 * WEEK
#: The broker sets each record's timestamp on arrival (topic config `message.timestamp.type`). By default the producer's
#: clock sets it, and retention follows it: a wrong clock would delete an upload unread, or keep it too long.
TIMESTAMPS = "LogAppendTime"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `event` is None for dead letters and bucket events, whose bytes Hangtag does not define."""

    name: str
    event: type[Event] | None
    partitions: int
    retention: timedelta
    #: Largest record batch in bytes. Dead letters need room for their extra headers.
    max_message_bytes: int = 1_048_588


@dataclass(frozen=True, slots=True)
class Topics:
    """Hangtag's topics; every message is keyed by `shopper_id`."""

    uploads: Topic
    texts: Topic
    tags: Topic
    profiles: Topic
    feedback: Topic
    uploads_dlq: Topic
    texts_dlq: Topic
    tags_dlq: Topic

    def all(self) -> tuple[Topic, ...]:
        """Return all topics in the order of the flow."""
        return tuple(getattr(self, field.name) for field in fields(self))


def dlq_name(topic: str) -> str:
    """Return the name of the dead-letter topic of `topic`."""
    return f"{topic}.dlq"


def topics(prefix: str = "outfit") -> Topics:
    """Return the topics under a prefix. A second prefix makes a separate Hangtag on the same cluster."""

    def topic(name: str, event: type[Event]) -> Topic:
        return Topic(f"{prefix}.{name}", event, partitions=12, retention=WEEK)

    return Topics(
        uploads=topic("uploads", PhotoUploaded),
        texts=topic("texts", TextRecognized),
        tags=topic("tags", OutfitTagged),
        profiles=topic("profiles", ProfileSynced),
        feedback=topic("feedback", UploadFeedback),
        uploads_dlq=_dead_letters(f"{prefix}.uploads"),
        texts_dlq=_dead_letters(f"{prefix}.texts"),
        tags_dlq=_dead_letters(f"{prefix}.tags"),
    )


def notifications(name: str) -> tuple[Topic, Topic]:
    """Return the topic of a bucket's notifications and its dead-letter topic, for shops that use them."""
    return Topic(name, None, partitions=12, retention=WEEK), _dead_letters(name)


def uploads_to_rekey(name: str) -> tuple[Topic, Topic]:
    """Return the topic of uploads that `rekey` publishes again under the right key, and its dead-letter topic."""
    return Topic(name, PhotoUploaded, partitions=12, retention=WEEK), _dead_letters(name)


def _dead_letters(topic: str) -> Topic:
    return Topic(dlq_name(topic), None, partitions=3, retention=LETTERS_KEPT, max_message_bytes=2_097_152)
