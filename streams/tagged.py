"""Finds an upload's tags in their topic."""

from schemas.codec import UndecodableError, decode
from schemas.events import OutfitTagged
from schemas.topics import topics
from streams.follow import follow
from streams.settings import Settings


def newest_tagged(settings: Settings, upload_id: str) -> OutfitTagged | None:
    """
    Give the last event that the tag stage published of an upload; None when the topic holds none.

    Raises:
        UnreadableTopicError: the topic is missing, or no broker answered.

    """
    needle, found = upload_id.encode(), None
    for seen in follow(settings, [topics(settings.topic_prefix).tags.name]):
        # Reading every event in full would be slow; the id stands in the bytes, or it is none of ours.
        if needle not in (seen.value or b"") and ("ce_id", needle) not in seen.headers:
            continue
        try:
            event = decode(OutfitTagged, seen.value)
        except UndecodableError:
            continue
        if event.upload_id == upload_id:
            found = event
    return found
