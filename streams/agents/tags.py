"""`sync`: an outfit was tagged, so make the shopper's Klaviyo profile say so."""

from collections.abc import Callable
from datetime import datetime

from klaviyo_sink.sink import Sink, Written
from schemas.events import OutfitTagged, ProfileSynced
from streams import metrics
from streams.stage import Answer


async def sync(event: OutfitTagged, *, sink: Sink, now: Callable[[], datetime]) -> Answer:
    """Write the style profile to Klaviyo, then tell the world."""
    written = await sink.sync(event)
    if not isinstance(written, Written):
        return written
    moment = now()
    if not event.backfill:
        metrics.SECONDS.observe((moment - event.uploaded_at).total_seconds())
    return (
        ProfileSynced(
            **event.carried(),
            outcome=written.outcome,
            lane=written.lane,
            profile_version=written.profile_version,
            synced_at=moment,
        ),
    )
