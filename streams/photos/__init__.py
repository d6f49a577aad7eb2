"""The photo store, its retention, and a bucket's own rules and events."""

from streams.photos.store import PhotoStore

__all__ = ["PhotoStore"]
