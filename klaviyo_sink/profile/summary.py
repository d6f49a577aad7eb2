"""
The summary of a style profile: all that its properties follow from, without its uploads. Pure.

A summary depends only on the set of uploads. `Summarizing.after` computes it from the summary before a change and the
changed uploads, and `Summarizing.of` from all uploads; both return the same. So the cost of an event does not grow with
the uploads of its shopper.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter
from pydantic_core import to_json

from klaviyo_sink.profile.interests import Counted, Interests
from klaviyo_sink.profile.recency import Recency, from_micros, micros
from klaviyo_sink.profile.style import Contribution

#: Of one tag: how many uploads have it, and the sum of their units (`recency.py`).
Tally = tuple[int, int]
#: Time and id of the newest upload that has a word for a tag, and the word.
Word = tuple[int, str, str]
#: The beginning of a stored summary. A stored list of uploads begins otherwise.
_MARK: Final = '{"summary":'


@dataclass(frozen=True, slots=True)
class Summary:
    """What the properties of a style profile follow from. All times are microseconds since 1970."""

    #: The settings that it depends on. With others it must be computed from all uploads again.
    made_by: str
    frame: int
    #: Number of uploads, and of those whose picture was looked at.
    uploads: int
    looked: int
    #: The time of the newest upload: of all, and without trusting a phone whose clock is ahead.
    newest: int
    as_of: int
    #: Tags read from text, and tags that only a picture shows.
    read: dict[str, Tally]
    seen: dict[str, Tally]
    interests: dict[str, Counted]
    words: dict[str, Word]

    @staticmethod
    def is_in(stored: str) -> bool:
        """Return whether a stored profile is a summary."""
        return stored.startswith(_MARK)

    @classmethod
    def parse(cls, stored: str) -> "Summary":
        """
        Parse what `stored` returned.

        Raises:
            ValueError: The text is damaged.

        """
        found = _STORED.validate_json(stored[len(_MARK) : -1])
        try:
            from_micros(found.newest), from_micros(found.as_of)
        except OverflowError:
            raise ValueError("a time that no upload can have") from None
        if not all(newest for _, newest in found.interests.values()):
            raise ValueError("an interest for which no upload counts")
        return found

    def stored(self) -> str:
        """Return the summary as text for the database."""
        return f"{_MARK}{to_json(self).decode()}}}"


_STORED: Final = TypeAdapter(Summary)


@dataclass(frozen=True, slots=True)
class Summarizing:
    """Computes summaries. `words`: whether the profile contains words and not ids."""

    recency: Recency
    interests: Interests
    words: bool

    @property
    def made_by(self) -> str:
        """Name these settings."""
        return f"{self.recency.half_life.total_seconds()} {self.interests.digest} {self.words}"

    def of(self, uploads: Sequence[Contribution]) -> Summary:
        """Return the summary of a set of uploads."""
        newest, as_of = (max(map(time_of, uploads), default=0) for time_of in (_uploaded, _as_of))
        empty = Summary(self.made_by, self.recency.frame(as_of), 0, 0, newest, as_of, {}, {}, {}, {})
        summary = self.after(empty, (), uploads)
        if summary is None:
            raise AssertionError("an upload that is added needs no other")
        return summary

    def after(self, before: Summary, gone: Sequence[Contribution], new: Sequence[Contribution]) -> Summary | None:
        """
        Return the summary without the uploads in `gone` and with those in `new`; None if it needs all uploads.

        It does if the settings changed, or if what an upload in `gone` decided is now decided by an unknown one.

        Raises:
            ValueError: `before` does not contain the uploads in `gone`.

        """
        newest = _newest(before.newest, map(_uploaded, gone), [*map(_uploaded, new)])
        as_of = _newest(before.as_of, map(_as_of, gone), [*map(_as_of, new)])
        if before.made_by != self.made_by or newest is None or as_of is None:
            return None
        if self.recency.frame(as_of) != before.frame:
            return None
        read, seen = before.read.copy(), before.seen.copy()
        for change, uploads in ((1, new), (-1, gone)):
            for one in uploads:
                units = self.recency.units(micros(one.uploaded_at), before.frame)
                _tally(read, one.tags, change, units)
                _tally(seen, one.seen, change, units)
        interests = self._interests(before, gone, new)
        words = _words(before.words, gone, new, read.keys() | seen.keys()) if self.words else {}
        if interests is None or words is None:
            return None
        count = before.uploads + len(new) - len(gone)
        looked = before.looked + sum(one.looked for one in new) - sum(one.looked for one in gone)
        return Summary(self.made_by, before.frame, count, looked, newest, as_of, read, seen, interests, words)

    def _interests(
        self, before: Summary, gone: Iterable[Contribution], new: Iterable[Contribution]
    ) -> dict[str, Counted] | None:
        changes: dict[str, tuple[list[int], list[int]]] = {}
        for lost, uploads in enumerate((new, gone)):
            for one in uploads:
                for interest in self.interests.counting(one):
                    changes.setdefault(interest, ([], []))[lost].append(micros(one.uploaded_at))
        interests = before.interests.copy()
        for interest, (added, removed) in changes.items():
            counted = _recount(interests.pop(interest, (0, ())), added, removed, self.interests.most(interest))
            if counted is None:
                return None
            if counted[0]:
                interests[interest] = counted
        return interests


def _uploaded(upload: Contribution) -> int:
    return micros(upload.uploaded_at)


def _as_of(upload: Contribution) -> int:
    return micros(min(upload.uploaded_at, upload.tagged_at))


def _newest(before: int, gone: Iterable[int], new: Sequence[int]) -> int | None:
    """Return the newest time after a change; None if it is unknown, because the newest one goes."""
    if before in gone and not (new and max(new) >= before):
        return None
    return max((before, *new))


def _tally(tallies: dict[str, Tally], tags: Iterable[str], change: int, units: int) -> None:
    units *= change
    for tag in tags:
        count, total = tallies.get(tag, (0, 0))
        count, total = count + change, total + units
        if count > 0 and total >= 0:
            tallies[tag] = count, total
        elif (count, total) == (0, 0):
            del tallies[tag]
        else:
            raise ValueError("a tag that goes was never counted")


def _recount(before: Counted, added: Iterable[int], removed: Iterable[int], most: int) -> Counted | None:
    """Count uploads for an interest; None if one of its `most` newest is unknown."""
    count, newest = before
    unknown = count - len(newest)
    # The unknown ones are not newer than any known one.
    older = [at for at in added if unknown and at < newest[0]]
    known = sorted([*newest, *(at for at in added if at not in older)])
    unknown += len(older)
    for at in removed:
        if at in known:
            known.remove(at)
        else:
            unknown -= 1
    if unknown < 0:
        raise ValueError("an upload that goes was never counted")
    wanted = min(unknown + len(known), most)
    if len(known) < wanted:
        return None
    return unknown + len(known), tuple(known[len(known) - wanted :])


def _words(
    before: Mapping[str, Word], gone: Iterable[Contribution], new: Iterable[Contribution], tags: AbstractSet[str]
) -> dict[str, Word] | None:
    """Return the newest upload's word for each tag; None if one is unknown."""
    words = {**before}
    renewed = set()
    for one in new:
        at = micros(one.uploaded_at)
        # An upload may have been stored without words.
        for tag, word in zip(one.every, one.labels, strict=False):
            renewed.add((tag, at, one.upload_id))
            if tag not in words or words[tag][:2] <= (at, one.upload_id):
                words[tag] = at, one.upload_id, word
    for one in gone:
        at = micros(one.uploaded_at)
        for tag in one.every:
            mine = tag in words and words[tag][:2] == (at, one.upload_id)
            if mine and tag in tags and (tag, at, one.upload_id) not in renewed:
                return None
    return {tag: word for tag, word in words.items() if tag in tags}
