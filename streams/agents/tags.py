"""`sync`: updates the shopper's Klaviyo profile for a tagged outfit."""

from collections.abc import Callable
from datetime import datetime

from klaviyo_sink.sink import Sink, Written
from schemas.events import OutfitTagged, ProfileSynced
from schemas.spans import trace_id
from streams.runtime.stage import HandlerResult
from streams.telemetry import metrics
from streams.telemetry.spans import SPAN


async def sync(event: OutfitTagged, *, sink: Sink, now: Callable[[], datetime]) -> HandlerResult:
    """Write the style profile to Klaviyo, then return the event to publish; nothing for a forgotten shopper."""
    span = SPAN.get()
    written = await sink.sync(event, trace=span.carried)
    if not isinstance(written, Written):
        return written
    span.note(written=written.outcome, lane=written.lane)
    metrics.SYNCED.labels(written.outcome, written.lane).inc()
    if written.outcome == "forgotten":
        # A forgotten shopper gets no event either.
        return ()
    moment = now()
    if not event.backfill:
        seconds = (moment - event.uploaded_at).total_seconds()
        metrics.SECONDS.observe(seconds, metrics.exemplar(upload_id=event.upload_id, trace_id=trace_id(span.carried)))
    return (
        ProfileSynced(
            **event.carried(),
            outcome=written.outcome,
            lane=written.lane,
            profile_version=written.profile_version,
            synced_at=moment,
        ),
    )
