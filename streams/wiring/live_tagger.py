"""
The tagger in use, made anew when the shop's own lexicon changes on disk or somebody asks for it.

Knows no events: whoever tags one takes `current` for it, so that an event is tagged by one lexicon alone.
"""

import asyncio
import contextlib
from pathlib import Path

import structlog

from rules.lexicon.load import load_lexicon
from rules.lexicon.problems import LexiconError
from rules.tagger import Tagger

log = structlog.get_logger()

#: What shows that a file changed: its name, time of change in ns, size and inode.
FileStamp = tuple[str, int, int, int]


class LiveTagger:
    """A tagger that follows its lexicon. One that cannot be used leaves the old tagger in its place."""

    def __init__(self, own: Path | None) -> None:
        """
        Read the lexicon, with the shop's own folder over the shipped one.

        Raises:
            LexiconError: there is no old tagger yet to go on with.

        """
        self._own = own
        # Looked at before it is read: a change in between is seen as one.
        self._read = _stamps(own)
        self._asked = asyncio.Event()
        self.current = Tagger(load_lexicon(own))

    def reload(self) -> None:
        """Have the lexicon read again soon, changed or not. Call it on the event loop."""
        self._asked.set()

    async def follow(self, every_s: float) -> None:
        """
        Read the lexicon again whenever it changed or `reload` asks; never ends.

        Looks for changes every `every_s` seconds, 0 for never. A change counts once two looks in a row find the
        same: files are written one by one.
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
            # In a thread: events go on being tagged meanwhile.
            new = await asyncio.to_thread(lambda: Tagger(load_lexicon(self._own)))
        except LexiconError as error:
            log.error("lexicon not reloaded, the old one stays", problem=error.brief(), version=old)  # noqa: TRY400 - the place in the file counts
            return
        except Exception as error:  # noqa: BLE001 - whatever a file does to the reader, events go on being tagged
            log.error("lexicon not reloaded, the old one stays", problem=type(error).__name__, version=old)  # noqa: TRY400 - it may quote a file
            return
        self.current = new
        if new.lexicon.version == old:
            log.info("lexicon reloaded, it says the same", version=old)
        else:
            log.info("lexicon reloaded", version=new.lexicon.version, old=old)


def _stamps(own: Path | None) -> tuple[FileStamp, ...]:
    """Look at the folder's files. What vanishes meanwhile, or cannot be looked at, is left out."""
    stamps = []
    with contextlib.suppress(OSError):
        for path in sorted(own.glob("*.toml")) if own is not None else ():
            stat = path.stat()
            stamps.append((path.name, stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(stamps)
