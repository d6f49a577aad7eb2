"""Builds the OCR pool, its TLS context, and the function that fetches photos by URI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.config.settings import Settings
from streams.wiring.photos import make_store

if TYPE_CHECKING:
    from ssl import SSLContext

    from ocr_worker.pool.pool import OcrPool
    from ocr_worker.server.request import Fetch
    from schemas.outcomes import Later, Misconfigured, Never


def make_pool(settings: Settings) -> OcrPool:
    """Create the client of the OCR workers."""
    from ocr_worker.pool.pool import OcrPool, PoolDependencies
    from streams.wiring import ocr_metrics

    pool = OcrPool(
        settings.ocr_urls,
        token=settings.ocr_token,
        timeout_s=settings.ocr_timeout_s,
        max_connections=settings.in_flight,
        dependencies=PoolDependencies(tls=make_ocr_tls(settings), on_sent=ocr_metrics.count_sent),
    )
    ocr_metrics.watch(pool.status)
    return pool


def make_ocr_tls(settings: Settings) -> SSLContext | None:
    """Return the TLS context for OCR workers with their own CA; None: the public CAs."""
    import ssl

    return ssl.create_default_context(cafile=settings.ocr_tls_ca) if settings.ocr_tls_ca else None


def make_fetch(settings: Settings, *, by_uri: bool) -> Fetch | None:
    """
    Return the function by which an OCR worker reads photos by URI: below the roots, and with `by_uri` in the store.

    Raises:
        ValueError: A root is not a plain http(s) address.

    """
    if not by_uri and not settings.ocr_uri_roots:
        return None
    from ocr_worker.result import Refused
    from ocr_worker.server.web_photos import WebLimits, WebPhotos
    from streams.photos.store import TooLarge

    web = WebPhotos(settings.ocr_uri_roots, WebLimits(settings.photo_max_bytes))
    store = make_store(settings) if by_uri else None

    async def fetch(uri: str) -> bytes | Refused | Later | Never | Misconfigured:
        if store is None or web.covers(uri):
            return await web.get(uri)
        photo = await store.get(uri)
        if isinstance(photo, TooLarge):
            return Refused("too_large", f"a photo may have at most {settings.photo_max_bytes:,} bytes")
        return photo

    return fetch
