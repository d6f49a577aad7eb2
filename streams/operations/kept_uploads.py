"""
The uploads of some partitions, with the place of the newest text of each and the newest tags, for `hangtag retag`.

They lie in a temporary SQLite file without a name, which SQLite removes by itself: memory holds a page cache of one
size, however many uploads there are. Knows no Kafka and no lexicon.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any, Final, Self

from schemas.events import OutfitTagged
from streams.operations.tag_changes import Said, said_by

#: Memory that SQLite uses for pages, in kB.
CACHE_KB: Final = 64_000
#: Rows that are written at once, in the order of the table, so that few pages are read and written for them.
_AT_ONCE: Final = 10_000
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_TABLES: Final = """
PRAGMA journal_mode = OFF;
CREATE TABLE uploads (
    upload_id TEXT PRIMARY KEY, partition INTEGER, offset INTEGER, version TEXT, tagged_at INTEGER, tags TEXT
) WITHOUT ROWID;
CREATE TABLE past (partition INTEGER PRIMARY KEY, offset INTEGER);
"""
_TEXT: Final = """
INSERT INTO uploads (upload_id, partition, offset) VALUES (?, ?, ?)
ON CONFLICT (upload_id) DO UPDATE SET partition = excluded.partition, offset = excluded.offset
"""
#: As the sync stage sees it: of two events of one upload the later `tagged_at` counts.
_TAGS: Final = """
UPDATE uploads SET version = ?2, tagged_at = ?3, tags = ?4
WHERE upload_id = ?1 AND (tagged_at IS NULL OR tagged_at <= ?3)
"""
#: Waits: the tag stage has yet to come to it. That publishes the tags itself, and not as backfill.
_VIEW: Final = """
CREATE VIEW standing AS
SELECT uploads.*, version IS NULL AND uploads.offset >= COALESCE(past.offset, 0) AS waits
FROM uploads LEFT JOIN past USING (partition)
"""
_COUNTS: Final = """
SELECT COUNT(*), COALESCE(SUM(waits), 0), COALESCE(SUM(NOT waits AND version IS NOT ?), 0) FROM standing
"""
_FIND: Final = """
SELECT version, tagged_at, tags FROM standing
WHERE upload_id = ? AND partition = ? AND offset = ? AND NOT waits AND version IS NOT ?
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many uploads there are, and what a lexicon has to do with them."""

    uploads: int = 0
    #: The tag stage has yet to come to them.
    waiting: int = 0
    #: A lexicon of this version may see them differently.
    to_tag: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.uploads + other.uploads, self.waiting + other.waiting, self.to_tag + other.to_tag)


class KeptUploads:
    """A context manager: the file goes when it ends."""

    def __init__(self, past: Mapping[int, int], *, cache_kb: int = CACHE_KB) -> None:
        """Take the offsets that the tag stage has committed, by partition of texts."""
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute(f"PRAGMA cache_size = -{cache_kb}")
        self._database.executescript(_TABLES + _VIEW)
        self._database.executemany("INSERT INTO past VALUES (?, ?)", past.items())
        #: Rows that wait to be written, all for one statement; each begins with the upload's id.
        self._rows: list[tuple[Any, ...]] = []
        self._statement = _TEXT

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def add_text(self, upload_id: str, partition: int, offset: int) -> None:
        """Note where a text lies; of two of one upload the later call counts."""
        self._write(_TEXT, (upload_id, partition, offset))

    def add_tags(self, event: OutfitTagged) -> None:
        """Note the tags of an upload, if one of its texts was noted before and no newer tags were."""
        said = said_by(event)
        at = (said.tagged_at - _EPOCH) // _MICROSECOND
        self._write(_TAGS, (event.upload_id, said.lexicon_version, at, json.dumps(said.tags)))

    def counts(self, version: str) -> Counts:
        """Count the uploads, for a lexicon of this version."""
        self._flush()
        return Counts(*self._database.execute(_COUNTS, (version,)).fetchone())

    def to_tag(self, upload_id: str, partition: int, offset: int, version: str) -> tuple[Said | None] | None:
        """
        Give what was last said of the upload whose newest text lies here; a tuple of None where nothing was.

        None where a lexicon of this version has nothing to do: an older text, tags of this version, or one that waits.
        """
        self._flush()
        found = self._database.execute(_FIND, (upload_id, partition, offset, version)).fetchone()
        if found is None:
            return None
        before, at, tags = found
        if before is None:
            return (None,)
        facts = {tag: tuple(seen) for tag, seen in json.loads(tags).items()}
        return (Said(facts, before, _EPOCH + at * _MICROSECOND),)

    def _write(self, statement: str, row: tuple[Any, ...]) -> None:
        if statement is not self._statement or len(self._rows) >= _AT_ONCE:
            self._flush()
        self._statement = statement
        self._rows.append(row)

    def _flush(self) -> None:
        if self._rows:
            self._database.execute("BEGIN")
            self._database.executemany(self._statement, sorted(self._rows, key=itemgetter(0)))
            self._database.execute("COMMIT")
            self._rows = []
