"""
Reads the texts and tags that the topics still contain, for the commands that improve the lexicon. Publishes nothing.

Skips those of forgotten shoppers. Holds one message at a time.
"""

from collections.abc import Callable, Iterator

from schemas.codec import UndecodableError, decode
from schemas.events import OutfitTagged, TextRecognized
from schemas.topics import topics
from streams.config.settings import Settings
from streams.kafka.reader import follow


def kept_texts(
    settings: Settings,
    *,
    since: float | None = None,
    is_forgotten: Callable[[str], bool] = lambda _shopper_id: False,
    tell: Callable[[], None] = lambda: None,
) -> Iterator[TextRecognized]:
    """
    Read the texts topic to its end. Calls `tell` for every message.

    Raises:
        UnreadableTopicError: The topic is missing, or no broker responds.

    """
    for seen in follow(settings, [topics(settings.topic_prefix).texts.name], since=since):
        tell()
        try:
            event = decode(TextRecognized, seen.value)
        except UndecodableError:
            continue
        if not is_forgotten(event.shopper_id):
            yield event


def kept_tags(
    settings: Settings,
    *,
    since: float | None = None,
    is_forgotten: Callable[[str], bool] = lambda _shopper_id: False,
    tell: Callable[[], None] = lambda: None,
) -> Iterator[OutfitTagged]:
    """Read the tags topic to its end. Calls `tell` for every message. Raises as `kept_texts`."""
    for seen in follow(settings, [topics(settings.topic_prefix).tags.name], since=since):
        tell()
        try:
            event = decode(OutfitTagged, seen.value)
        except UndecodableError:
            continue
        if not is_forgotten(event.shopper_id):
            yield event
