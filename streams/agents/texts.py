"""`tag`: finds the fashion tags of recognized text, and of what was seen in the picture."""

from collections.abc import Callable
from datetime import datetime

from rules.tagger import Tagger
from schemas.events import OutfitTagged, TextRecognized
from streams.runtime.stage import HandlerResult


async def tag(event: TextRecognized, *, tagger: Tagger, now: Callable[[], datetime]) -> HandlerResult:
    """Tag the lines and what was seen. Without tags there is no event."""
    tags = tagger.tag(event.texts, event.seen).tags
    if not tags:
        return ()
    return (
        OutfitTagged(
            **event.carried(),
            identity=event.identity,
            tags=tags,
            lexicon_version=tagger.lexicon.version,
            engine=event.engine,
            look=event.seen.engine if event.seen is not None else None,
            tagged_at=now(),
        ),
    )
