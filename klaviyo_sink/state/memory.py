"""
Adds uploads to what a row of `style_profiles` remembers. Pure.

A row with few uploads contains them. With more than `INLINE` it contains their summary, and each upload has a row of
its own in `remembered_uploads`. Then an event reads and writes the uploads that it changes, and no others.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from klaviyo_sink.profile.recency import micros
from klaviyo_sink.profile.style import MEMORY, Contribution, StyleProfile, fold
from klaviyo_sink.profile.summary import Summarizing, Summary
from schemas.events import OutfitTagged

#: Most uploads of a row that contains them. So many cost less than the queries for rows of their own.
INLINE: Final = 8
#: Stored texts of remembered uploads, by shopper.
Texts = dict[str, set[str]]


@dataclass(frozen=True, slots=True)
class Before:
    """What a style profile remembered before a batch, as far as the batch needs it."""

    #: The remembered ones of the batch's uploads.
    held: frozenset[str]
    #: The time of the oldest upload, if no more are remembered; None: there is room.
    full_from: datetime | None

    def was_given(self, event: OutfitTagged) -> bool:
        """Return whether an upload was folded before, or is too old to know; then it may have been sent."""
        return event.upload_id in self.held or (self.full_from is not None and event.uploaded_at <= self.full_from)


@dataclass(frozen=True, slots=True)
class Memory:
    """What a row remembers after a batch, and the changes in `remembered_uploads`."""

    before: Before
    summary: Summary
    #: The row's text.
    stored: str
    new: Sequence[Contribution] = ()
    gone: Sequence[Contribution] = ()
    #: Whether all uploads leave the row for rows of their own.
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes of a batch in `remembered_uploads` that are not stored yet."""

    #: Shoppers all of whose rows are deleted first: a row of `style_profiles` without summary has none.
    cleared: list[str]
    gone: list[dict[str, Any]]
    new: list[dict[str, Any]]

    def add(self, shopper_id: str, memory: Memory) -> None:
        """Add the changes of a shopper."""
        if memory.moved:
            self.cleared.append(shopper_id)
        self.gone.extend({"of_shopper": shopper_id, "of_upload": one.upload_id} for one in memory.gone)
        self.new.extend(
            {
                "shopper_id": shopper_id,
                "upload_id": one.upload_id,
                "uploaded_at": micros(one.uploaded_at),
                "contribution": one.stored(),
            }
            for one in memory.new
        )


def read_profile(stored: str) -> StyleProfile | Summary:
    """
    Parse the text of a row.

    Raises:
        ValueError: The text is damaged.

    """
    return Summary.parse(stored) if Summary.is_in(stored) else StyleProfile.read(stored)


def oldest_needed(profile: StyleProfile | Summary, uploads: int) -> int:
    """Return how many of a profile's oldest uploads `add` needs: so many may be forgotten for a batch of `uploads`."""
    return uploads if isinstance(profile, Summary) and profile.uploads + uploads > MEMORY else 0


def add(
    profile: StyleProfile | Summary,
    uploads: Sequence[Contribution],
    known: Collection[str],
    summarizing: Summarizing,
    *,
    complete: bool,
) -> Memory | None:
    """
    Add uploads to a profile; None if it needs all remembered uploads.

    `known` are the stored texts of remembered uploads: of the batch's and of the oldest (`oldest_needed`), or, if
    `complete`, of all. A `StyleProfile` contains its own.

    Raises:
        ValueError: A text is damaged, or the remembered uploads are not those of the summary.

    """
    if isinstance(profile, StyleProfile):
        return _add_to_row(profile, uploads, summarizing)
    stood = {one.upload_id: one for one in map(Contribution.read, known)}
    if complete and len(stood) != profile.uploads:
        raise ValueError("the remembered uploads are not those of the summary")
    fresh: dict[str, Contribution] = {}
    for one in uploads:
        best = fresh.get(one.upload_id) or stood.get(one.upload_id)
        if best is None or one > best:
            fresh[one.upload_id] = one
    replaced = [stood[upload_id] for upload_id in fresh if upload_id in stood]
    # The newest are remembered. `known` has enough of the oldest to find the others.
    newest = sorted((stood | fresh).values())
    over = max(0, profile.uploads + len(fresh) - len(replaced) - MEMORY)
    old, newest = newest[:over], newest[over:]
    new = [one for one in newest if one.upload_id in fresh]
    gone = [*replaced, *(one for one in old if one.upload_id not in fresh)]
    summary = summarizing.of(newest) if complete else summarizing.after(profile, gone, new)
    if summary is None:
        return None
    full_from = min(stood.values()).uploaded_at if stood and profile.uploads >= MEMORY else None
    return Memory(Before(frozenset(stood), full_from), summary, summary.stored(), new, gone)


def _add_to_row(profile: StyleProfile, uploads: Sequence[Contribution], summarizing: Summarizing) -> Memory:
    old = profile.uploads
    before = Before(frozenset(one.upload_id for one in old), old[0].uploaded_at if len(old) >= MEMORY else None)
    new = fold(profile, uploads, memory=MEMORY)
    summary = summarizing.of(new.uploads)
    if len(new.uploads) <= INLINE:
        return Memory(before, summary, new.stored())
    return Memory(before, summary, summary.stored(), new.uploads, moved=True)
