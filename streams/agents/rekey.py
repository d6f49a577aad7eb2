"""
`rekey`: publishes uploads again under the shopper's id, if their producer keyed or partitioned them differently.

For shops that cannot change their producer's partitioner. The event stays the same; its key, partition and headers are
new.
"""

from schemas.events import PhotoUploaded
from streams.runtime.stage import HandlerResult


async def rekey(event: PhotoUploaded) -> HandlerResult:
    """Return the upload unchanged. The emitter keys it by the shopper's id and partitions it by murmur2."""
    return (event,)
