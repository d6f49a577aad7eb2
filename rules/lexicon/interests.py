"""
Interests: what several uploads together say about a shopper, as data, and which ones a shopper has at a time.

Pure. Does not know how histories are stored; the caller passes the time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from rules.lexicon.entries import Data, Label
from schemas.events import Labels, TagId


class Interest(Data):
    """One rule: an upload counts for the interest if it has a tag of each group in `tags`."""

    id: TagId
    #: Display names.
    en: Label
    zh: Label
    tags: Annotated[tuple[Annotated[tuple[TagId, ...], Field(min_length=1)], ...], Field(min_length=1)]
    #: How many uploads must count for it.
    uploads: int = Field(default=2, ge=1)
    #: Only uploads of this many days before the given time count.
    days: int = Field(default=180, ge=1)
    #: After this many days an upload has half its weight.
    half_life_days: float = Field(default=90, gt=0)

    def counted(self) -> tuple[str, ...]:
        """Return the tags that it counts."""
        return tuple(tag for group in self.tags for tag in group)

    def speaks(self, tags: frozenset[str]) -> bool:
        """Return whether an upload with these tags counts for it."""
        return all(not tags.isdisjoint(group) for group in self.tags)


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload of a shopper's history: its id, when it was posted (with time zone) and the ids of its tags."""

    upload_id: str
    uploaded_at: datetime
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Held:
    """An interest that a shopper has."""

    id: str
    labels: Labels
    #: 0 to 1: the current weight of the uploads that count for it, relative to the required number.
    strength: float
    uploads: int
    #: When the latest of them was posted.
    latest: datetime


def interests_of(interests: Iterable[Interest], history: Iterable[Upload], now: datetime) -> tuple[Held, ...]:
    """
    Return the interests of a history at a time, sorted by id.

    The order of the history does not matter, nor do duplicates. Uploads posted after `now` do not count. Without new
    uploads a strength only falls, and the interest ends with its window.
    """
    uploads = {upload.upload_id: upload for upload in history if upload.uploaded_at <= now}
    held = []
    for interest in interests:
        since = now - timedelta(days=interest.days)
        speaking = [one for one in uploads.values() if one.uploaded_at > since and interest.speaks(one.tags)]
        if len(speaking) >= interest.uploads:
            ages = sorted((now - upload.uploaded_at) / timedelta(days=1) for upload in speaking)
            weight = sum(0.5 ** (age / interest.half_life_days) for age in ages)
            strength = round(min(1.0, weight / interest.uploads), 4)
            latest = max(upload.uploaded_at for upload in speaking)
            labels = Labels(en=interest.en, zh=interest.zh)
            held.append(Held(interest.id, labels, strength, len(speaking), latest))
    return tuple(sorted(held, key=lambda one: one.id))
