"""Compares the tags that the lexicon gives an upload's text with the tags last published. Pure; knows no topics."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rules.tagger import Tagger
from schemas.events import OutfitTagged, Tag, TextRecognized

#: Of two events of one upload the later `tagged_at` counts, so a correction must be later by at least this.
_LATER = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Said:
    """The last published tags of an upload."""

    #: By tag id, its visible fields: the share, whether that is sure, the labels, and whether the tag was only seen.
    tags: dict[str, tuple[object, ...]]
    lexicon_version: str
    tagged_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """An upload whose tags differ from those last published; each kind of change is sorted by tag id."""

    upload_id: str
    shopper_id: str
    uploaded_at: datetime
    added: tuple[str, ...]
    removed: tuple[str, ...]
    #: Tags with another share or label, tags whose share became sure or unsure, and tags that were only seen before or
    #: are only seen now.
    altered: tuple[str, ...]
    #: Version of the lexicon of the old tags; None if there were none.
    before: str | None
    #: The event to publish.
    event: OutfitTagged


def said_by(event: OutfitTagged) -> Said:
    """Return the fields of an event with which a later one is compared."""
    return Said(_seen(event.tags), event.lexicon_version, event.tagged_at)


def change_of(text: TextRecognized, said: Said | None, tagger: Tagger, now: datetime) -> Change | None:
    """Tag a text again; None if the tags equal those last published (`said`; None if there were none)."""
    tags = tagger.tag(text.texts, text.seen).tags
    old, new = said.tags if said is not None else {}, _seen(tags)
    if old == new:
        return None
    event = OutfitTagged(
        **text.carried() | {"backfill": True},
        identity=text.identity,
        tags=tags,
        lexicon_version=tagger.lexicon.version,
        engine=text.engine,
        look=text.seen.engine if text.seen is not None else None,
        # Clocks of two machines may differ.
        tagged_at=now if said is None else max(now, said.tagged_at + _LATER),
    )
    return Change(
        upload_id=text.upload_id,
        shopper_id=text.shopper_id,
        uploaded_at=text.uploaded_at,
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        altered=tuple(sorted(tag for tag in old.keys() & new.keys() if old[tag] != new[tag])),
        before=said.lexicon_version if said is not None else None,
        event=event,
    )


def _seen(tags: tuple[Tag, ...]) -> dict[str, tuple[object, ...]]:
    return {tag.id: (tag.share, tag.share_unsure, tag.labels.en, tag.labels.zh, tag.seen_only) for tag in tags}
