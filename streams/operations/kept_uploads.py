"""
Stores for `hangtag retag` the uploads of some partitions, each with its newest tags and the place of its newest text.

They are in an unnamed temporary SQLite file, which SQLite deletes by itself. So memory has only a page cache of fixed
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
#: Rows written per transaction, in the order of the table, so that SQLite reads and writes few pages for them.
_AT_ONCE: Final = 10_000
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_TABLES: Final = """
PRAGMA journal_mode = OFF;
CREATE TABLE uploads (
    upload_id TEXT, shopper_id TEXT, partition INTEGER, offset INTEGER, version TEXT, tagged_at INTEGER, tags TEXT,
    PRIMARY KEY (upload_id, shopper_id)
) WITHOUT ROWID;
CREATE TABLE past (partition INTEGER PRIMARY KEY, offset INTEGER);
"""
_TEXT: Final = """
INSERT INTO uploads (upload_id, shopper_id, partition, offset) VALUES (?, ?, ?, ?)
ON CONFLICT (upload_id, shopper_id) DO UPDATE SET partition = excluded.partition, offset = excluded.offset
"""
#: As in the sync stage: of two events of one upload, that with the later `tagged_at` counts.
_TAGS: Final = """
UPDATE uploads SET version = ?3, tagged_at = ?4, tags = ?5
WHERE upload_id = ?1 AND shopper_id = ?2 AND (tagged_at IS NULL OR tagged_at <= ?4)
"""
#: `waits`: the tag stage has not processed it yet, and will publish its tags itself, not as backfill.
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
WHERE upload_id = ? AND shopper_id = ? AND partition = ? AND offset = ? AND NOT waits AND version IS NOT ?
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many uploads there are, and how many of them a lexicon has to tag."""

    uploads: int = 0
    #: Uploads that the tag stage has not processed yet.
    waiting: int = 0
    #: Uploads whose tags may change with a lexicon of this version.
    to_tag: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.uploads + other.uploads, self.waiting + other.waiting, self.to_tag + other.to_tag)


class KeptUploads:
    """
    The uploads. A context manager: its end deletes the file.

    Two shoppers may have uploads with the same id, because any producer may choose it: they are two uploads.
    """

    def __init__(self, past: Mapping[int, int], *, cache_kb: int = CACHE_KB) -> None:
        """Create an empty table. `past` has the offsets of texts that the tag stage has committed, by partition."""
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute(f"PRAGMA cache_size = -{cache_kb}")
        self._database.executescript(_TABLES + _VIEW)
        self._database.executemany("INSERT INTO past VALUES (?, ?)", past.items())
        #: Rows to write, all for one statement; each begins with the ids of the upload and of its shopper.
        self._rows: list[tuple[Any, ...]] = []
        self._statement = _TEXT

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def add_text(self, upload_id: str, shopper_id: str, partition: int, offset: int) -> None:
        """Store the place of a text; of two texts of one upload the later call counts."""
        self._write(_TEXT, (upload_id, shopper_id, partition, offset))

    def add_tags(self, event: OutfitTagged) -> None:
        """Store the tags of an upload, if one of its texts is stored and no newer tags are."""
        said = said_by(event)
        at = (said.tagged_at - _EPOCH) // _MICROSECOND
        self._write(_TAGS, (event.upload_id, event.shopper_id, said.lexicon_version, at, json.dumps(said.tags)))

    def counts(self, version: str) -> Counts:
        """Count the uploads, for a lexicon of this version."""
        self._flush()
        return Counts(*self._database.execute(_COUNTS, (version,)).fetchone())

    def to_tag(
        self, upload_id: str, shopper_id: str, partition: int, offset: int, version: str
    ) -> tuple[Said | None] | None:
        """
        Return the last published tags of the upload whose newest text is at this place; `(None,)` if it has none.

        None if a lexicon of this version need not tag it: there is a newer text, its tags are of this version, or the
        tag stage has not processed it yet.
        """
        self._flush()
        found = self._database.execute(_FIND, (upload_id, shopper_id, partition, offset, version)).fetchone()
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
            self._database.executemany(self._statement, sorted(self._rows, key=itemgetter(0, 1)))
            self._database.execute("COMMIT")
            self._rows = []
