"""
Keeps a tagger up to date: reloads it when the shop's own lexicon changes on disk, or on request.

Knows no events. A caller takes `current` once per event, so that one lexicon tags the whole event.
"""

import asyncio
import contextlib
from pathlib import Path

import structlog

from rules.lexicon.load import load_lexicon
from rules.lexicon.problems import LexiconError
from rules.tagger import Tagger

log = structlog.get_logger()

#: What identifies a version of a file: its name, modification time in ns, size and inode.
FileStamp = tuple[str, int, int, int]


class LiveTagger:
    """A tagger that follows its lexicon. If the new lexicon has mistakes, the old tagger stays."""

    def __init__(self, own: Path | None) -> None:
        """
        Load the lexicon: the shop's own folder over the included one.

        Raises:
            LexiconError: It has mistakes.

        """
        self._own = own
        # Read the stamps before loading, so that a change in between is noticed.
        self._read = _stamps(own)
        self._asked = asyncio.Event()
        self.current = Tagger(load_lexicon(own))

    def reload(self) -> None:
        """Reload the lexicon soon, changed or not. Call it on the event loop."""
        self._asked.set()

    async def follow(self, every_s: float) -> None:
        """
        Reload the lexicon when it changes or `reload` is called; runs for ever.

        Checks for changes every `every_s` seconds; 0: never. A change counts when two checks in a row find the same,
        because files are written one by one.
        """
        before = self._read
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), every_s or None)
            found = await asyncio.to_thread(_stamps, self._own)
            if self._asked.is_set() or before == found != self._read:
                self._asked.clear()
                self._read = found
                await self._load()
            before = found

    async def _load(self) -> None:
        old = self.current.lexicon.version
        try:
            # Load in a thread, so that the stage continues to tag events.
            new = await asyncio.to_thread(lambda: Tagger(load_lexicon(self._own)))
        except LexiconError as error:
            log.error("lexicon not reloaded, the old one stays", problem=error.brief(), version=old)  # noqa: TRY400 - the place in the file counts
            return
        except Exception as error:  # noqa: BLE001 - whatever a file does to the reader, events go on being tagged
            log.error("lexicon not reloaded, the old one stays", problem=type(error).__name__, version=old)  # noqa: TRY400 - it may quote a file
            return
        self.current = new
        if new.lexicon.version == old:
            log.info("lexicon reloaded, unchanged", version=old)
        else:
            log.info("lexicon reloaded", version=new.lexicon.version, old=old)


def _stamps(own: Path | None) -> tuple[FileStamp, ...]:
    """Return the stamps of the folder's files, without files that disappear or cannot be read."""
    stamps = []
    with contextlib.suppress(OSError):
        for path in sorted(own.glob("*.toml")) if own is not None else ():
            stat = path.stat()
            stamps.append((path.name, stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(stamps)
