"""Builds the photo store from settings."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from streams.config.s3_access import S3Access
from streams.config.settings import Settings, UnusableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from streams.photos.bucket.versions import BucketVersions
    from streams.photos.store import PhotoStore


def make_store(settings: Settings) -> PhotoStore:
    """
    Open the photo store.

    Raises:
        UnusableError: The URL is not valid, or the folder cannot be created.

    """
    from obstore.exceptions import BaseError

    from streams.photos.store import PhotoStore

    try:
        return PhotoStore(settings.store_url, max_bytes=settings.photo_max_bytes)
    except (BaseError, OSError, ValueError) as error:
        raise UnusableError(f"HANGTAG_STORE_URL cannot be used ({type(error).__name__})") from None


@asynccontextmanager
async def open_versions(settings: Settings) -> AsyncIterator[BucketVersions | None]:
    """Open the versions of an S3 bucket; None for other stores, and without a key in AWS's variables."""
    import httpx

    from streams.photos.bucket.rules import Bucket
    from streams.photos.bucket.versions import BucketVersions
    from streams.photos.signing import AwsKey, SignedForS3
    from streams.wiring.clock import now

    bucket, access = Bucket.of(settings.store_url), S3Access()
    if bucket is None or bucket.kind not in {"s3", "s3a"} or not (access.access_key_id and access.secret_access_key):
        yield None
        return
    key = AwsKey(access.access_key_id, access.secret_access_key, access.session_token, access.region)
    async with httpx.AsyncClient(auth=SignedForS3(key, now=now), timeout=30) as http:
        yield BucketVersions(http, access.address_of(bucket.name), bucket.prefix)
