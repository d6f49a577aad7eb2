"""
Every topic as data: who may create, check or document them reads it here.

Knows no Kafka client.
"""

from dataclasses import dataclass, fields
from datetime import timedelta

from schemas.events import Event, OutfitTagged, PhotoUploaded, ProfileSynced, TextRecognized, UploadFeedback

#: Topics that carry what shoppers photographed keep it no longer than the photos themselves.
WEEK = timedelta(days=7)
#: The broker stamps each record as it arrives (Kafka's topic config `message.timestamp.type`). By default the
#: producer's clock stamps it, and retention goes by that: a wrong clock deletes an upload unread, or keeps it too long.
TIMESTAMPS = "LogAppendTime"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `event` is None where the bytes are not of our making: dead letters keep whatever arrived."""

    name: str
    event: type[Event] | None
    partitions: int
    retention: timedelta
    #: Largest record batch the topic takes, bytes. Dead letters need room for their extra headers.
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
        """List them in the order of the flow."""
        return tuple(getattr(self, field.name) for field in fields(self))


def dlq_name(topic: str) -> str:
    """Name the topic that takes the dead letters of `topic`."""
    return f"{topic}.dlq"


def topics(prefix: str = "outfit") -> Topics:
    """Name the topics under a prefix; another prefix gives a second, separate Hangtag on the same cluster."""

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
    """Give the topic that a bucket tells of its objects on, and its dead letters: a shop that uses none has none."""
    return Topic(name, None, partitions=12, retention=WEEK), _dead_letters(name)


def uploads_to_rekey(name: str) -> tuple[Topic, Topic]:
    """Give the topic of uploads that `rekey` publishes again, and its dead letters."""
    return Topic(name, PhotoUploaded, partitions=12, retention=WEEK), _dead_letters(name)


def _dead_letters(topic: str) -> Topic:
    return Topic(dlq_name(topic), None, partitions=3, retention=2 * WEEK, max_message_bytes=2_097_152)
