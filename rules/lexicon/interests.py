"""
What several uploads together say of a shopper: interests as data, and who has them at a given time.

Pure. Knows nothing of how histories are kept, and takes the time as an argument.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from rules.lexicon.entries import Data, Label
from schemas.events import Labels, TagId


class Interest(Data):
    """One rule: an upload speaks for the interest when it has a tag of each group in `tags`."""

    id: TagId
    #: Names for people.
    en: Label
    zh: Label
    tags: Annotated[tuple[Annotated[tuple[TagId, ...], Field(min_length=1)], ...], Field(min_length=1)]
    #: So many uploads must speak for it...
    uploads: int = Field(default=2, ge=1)
    #: ...within so many days before the time asked for.
    days: int = Field(default=180, ge=1)
    #: After so many days an upload weighs half.
    half_life_days: float = Field(default=90, gt=0)

    def counted(self) -> tuple[str, ...]:
        """List the tags that it counts."""
        return tuple(tag for group in self.tags for tag in group)

    def speaks(self, tags: frozenset[str]) -> bool:
        """Tell whether an upload with these tags speaks for it."""
        return all(not tags.isdisjoint(group) for group in self.tags)


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload of a shopper's history: its id, when it was posted (with zone) and the ids of its tags."""

    upload_id: str
    uploaded_at: datetime
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Held:
    """An interest that a shopper has."""

    id: str
    labels: Labels
    #: 0 to 1: what the uploads that speak for it weigh now, against the number that it takes.
    strength: float
    uploads: int
    #: When the latest of them was posted.
    latest: datetime


def interests_of(interests: Iterable[Interest], history: Iterable[Upload], now: datetime) -> tuple[Held, ...]:
    """
    Say which interests a history gives at a time, sorted by id.

    The order of the history does not matter, nor does the same upload twice; uploads posted after `now` do
    not count. Without new uploads a strength only falls, and the interest ends with its window.
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
