"""Finds the shoppers that a dead letter is about, to skip letters of forgotten ones. Knows no ledger."""

from contextlib import suppress

from pydantic_core import from_json

from schemas.codec import decode
from schemas.framing import unframed
from schemas.topics import dlq_name
from streams.config.settings import Settings
from streams.kafka.reader import Seen
from streams.photos.bucket.events import KeyTemplate, Notification


def shoppers_in(settings: Settings, seen: Seen) -> set[str]:
    """Return the shoppers in a letter: in its key, in its value, or in the objects that a notification names."""
    shoppers = {seen.key.decode(errors="replace")} if seen.key is not None else set()
    with suppress(ValueError):
        content = from_json(unframed(seen.value or b""))
        if isinstance(content, dict) and isinstance(content.get("shopper_id"), str):
            shoppers.add(content["shopper_id"])
    if settings.notifications_topic is not None and seen.topic == dlq_name(settings.notifications_topic):
        with suppress(ValueError):
            template, told = KeyTemplate(settings.notifications_key), decode(Notification, seen.value)
            found = (template.read(created.place) for created in told.created)
            shoppers |= {ids.shopper_id for ids in found if ids is not None}
    return shoppers
