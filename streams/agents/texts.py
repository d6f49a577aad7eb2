"""`tag`: the text of a photo was recognized, so give it fashion tags."""

from collections.abc import Callable
from datetime import datetime

from rules.tagger import Tagger
from schemas.events import OutfitTagged, TextRecognized
from streams.runtime.stage import HandlerResult


async def tag(event: TextRecognized, *, tagger: Tagger, now: Callable[[], datetime]) -> HandlerResult:
    """Tag the lines. No tag, no event."""
    tags = tagger.tag(event.texts).tags
    if not tags:
        return ()
    return (
        OutfitTagged(
            **event.carried(),
            identity=event.identity,
            tags=tags,
            lexicon_version=tagger.lexicon.version,
            engine=event.engine,
            tagged_at=now(),
        ),
    )
