"""Builds the photo store from settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.config.settings import Settings, UnusableError

if TYPE_CHECKING:
    from streams.photos.store import PhotoStore


def make_store(settings: Settings) -> PhotoStore:
    """
    Open the photo store.

    Raises:
        UnusableError: the URL is none, or the folder cannot be made.

    """
    from obstore.exceptions import BaseError

    from streams.photos.store import PhotoStore

    try:
        return PhotoStore(settings.store_url, max_bytes=settings.photo_max_bytes)
    except (BaseError, OSError, ValueError) as error:
        raise UnusableError(f"HANGTAG_STORE_URL cannot be used ({type(error).__name__})") from None
