"""The photo store, its retention, and a bucket's own rules and events."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.photos.store import PhotoStore

__all__ = ["PhotoStore"]


def __getattr__(name: str) -> object:
    # Import the store on first use, because a process that only reads a photo's key does not need it.
    if name != "PhotoStore":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from streams.photos.store import PhotoStore

    return PhotoStore
