"""
`rekey`: uploads that a producer keyed or partitioned in its own way, published again by the shopper's id.

For shops that cannot change their producer's partitioner. The event stays what it was; only its key, its partition and
its headers are made anew.
"""

from schemas.events import PhotoUploaded
from streams.runtime.stage import HandlerResult


async def rekey(event: PhotoUploaded) -> HandlerResult:
    """Publish the upload as it is: the emitter keys it by the shopper's id and partitions it by murmur2."""
    return (event,)
