"""Lists and deletes the objects of a photo store in a bucket, through obstore. Reads and writes no photo."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Final

from obstore.exceptions import NotFoundError
from obstore.store import ObjectStore

from streams.photos.answers import is_gone
from streams.photos.keys import day_folder_of
from streams.photos.local_folder import Stored

#: Objects to list per request: S3's limit.
_AT_ONCE: Final = 1000
#: Schemes of the stores that start a list after any key. For Azure, obstore would list from the beginning each time.
_LISTS_AFTER: Final = {"s3", "s3a", "gs", "gcs"}
#: Follows every other character in the order of keys.
_LAST: Final = "\U0010ffff"


class BucketFolder:
    """The objects below one prefix. Keys are relative to it."""

    def __init__(self, store: ObjectStore, *, scheme: str) -> None:
        """Create it from obstore's store, and the scheme of its URL."""
        self._store, self._lists_after = store, scheme in _LISTS_AFTER

    async def find(self, folder: str, *, without_days: bool = False) -> AsyncIterator[Sequence[Stored]]:
        """List all objects in a folder in chunks, while objects may come and go."""
        after: str | None = None
        while True:
            passed: str | None = None
            async for some in self._store.list(f"{folder}/", offset=after, chunk_size=_AT_ONCE):
                listed = [Stored(one["path"], one["size"], one["last_modified"]) for one in some]
                yield [one for one in listed if not (without_days and day_folder_of(one.key))]
                passed = day_folder_of(listed[-1].key) if without_days and self._lists_after else None
                if passed is not None:
                    break
            if passed is None:
                return
            after = f"{passed}/{_LAST}"

    async def folders(self, folder: str) -> list[str]:
        """Return the keys of the folders directly in a folder."""
        listed = await self._store.list_with_delimiter_async(f"{folder}/")
        return sorted(listed["common_prefixes"])

    async def remove(self, keys: Sequence[str]) -> None:
        """Remove objects. Missing objects count as removed."""
        try:
            await self._store.delete_async(list(keys))
        except (NotFoundError, FileNotFoundError) as error:
            if not is_gone(error):
                raise
            # Another sweep removed at least one of them first.
            for key in keys:
                with suppress(NotFoundError, FileNotFoundError):
                    await self._store.delete_async(key)
