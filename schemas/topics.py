"""
Every topic as data: who may create, check or document them reads it here.

Knows no Kafka client.
"""

from dataclasses import dataclass, fields
from datetime import timedelta

from schemas.events import Event, OutfitTagged, PhotoUploaded, ProfileSynced, TextRecognized, UploadFeedback

#: Topics that carry what shoppers photographed keep it no longer than the photos themselves.
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `event` is None for dead letters, which keep whatever bytes arrived."""

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

    def dlq(name: str) -> Topic:
        return Topic(dlq_name(f"{prefix}.{name}"), None, partitions=3, retention=2 * WEEK, max_message_bytes=2_097_152)

    return Topics(
        uploads=topic("uploads", PhotoUploaded),
        texts=topic("texts", TextRecognized),
        tags=topic("tags", OutfitTagged),
        profiles=topic("profiles", ProfileSynced),
        feedback=topic("feedback", UploadFeedback),
        uploads_dlq=dlq("uploads"),
        texts_dlq=dlq("texts"),
        tags_dlq=dlq("tags"),
    )
