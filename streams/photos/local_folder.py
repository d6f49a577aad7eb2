"""
Lists and deletes the files of a photo store on disk, whatever their names.

obstore rejects names with control characters, and hides files that it is still writing. Files that neither `forget` nor
the sweep can see would stay for ever. Reads and writes no photo.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Stored:
    """An object of the store: its key, its size, and when the store received it."""

    key: str
    size: int
    stored_at: datetime


class LocalFolder:
    """The files below one folder. Keys are paths relative to it."""

    def __init__(self, root: Path) -> None:
        """`root` is the resolved path of the folder."""
        self._root = root

    async def find(self, folder: str, *, at_once: int) -> AsyncIterator[Sequence[Stored]]:
        """List all files in a folder in chunks of `at_once`, while files may come and go. Follows no links."""
        files = self._walk(folder)
        while some := await asyncio.to_thread(lambda: list(islice(files, at_once))):
            yield some

    def remove(self, keys: Sequence[str]) -> None:
        """Remove files, and folders that become empty. Missing files count as removed. Blocks."""
        for key in keys:
            path = self._root / key
            path.unlink(missing_ok=True)
            for parent in path.parents:
                if parent == self._root:
                    break
                with suppress(OSError):
                    # Fails if the folder contains something else.
                    parent.rmdir()

    def _walk(self, folder: str) -> Iterator[Stored]:
        def fail(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                raise error

        # Use plain text: with two `Path`s per file, a sweep of 100,000 files took 3.2 s of CPU instead of 1.3 s.
        below = len(f"{self._root / 'x'}") - 1
        for where, _, names in os.walk(self._root / folder, onerror=fail):
            for name in sorted(names):
                path = f"{where}/{name}"
                with suppress(FileNotFoundError):
                    facts = os.lstat(path)
                    yield Stored(path[below:], facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))
