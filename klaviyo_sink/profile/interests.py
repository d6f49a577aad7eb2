"""Interests: which uploads count for one, and which a shopper has. Pure; the code that opens the sink passes rules."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from klaviyo_sink.profile.style import Contribution
from schemas.events import Labels

#: Of one interest: how many uploads count for it, and the times of the newest in microseconds, oldest first.
Counted = tuple[int, tuple[int, ...]]
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Interest:
    """An upload counts if it has a tag of each group. The interest is held while `uploads` of them are new enough."""

    #: Like `interest/sustainable`.
    id: str
    #: Display names.
    labels: Labels
    groups: tuple[frozenset[str], ...]
    uploads: int
    #: Only uploads that are newer than this before the given time.
    within: timedelta


class Interests:
    """The rules. Tags seen in the picture count like tags read from its text, unless `seen` is false."""

    def __init__(self, rules: Sequence[Interest] = (), *, seen: bool = True) -> None:
        self._rules = {rule.id: rule for rule in rules}
        self._seen = seen
        self._by_tag: dict[str, set[str]] = {}
        for rule in rules:
            for tag in frozenset[str]().union(*rule.groups):
                self._by_tag.setdefault(tag, set()).add(rule.id)
        what_counts = sorted((rule.id, rule.uploads, list(map(sorted, rule.groups))) for rule in rules)
        #: Another digest: other uploads may count.
        self.digest: Final = hashlib.sha256(repr((what_counts, seen)).encode()).hexdigest()[:16]

    def most(self, interest: str) -> int:
        """Return how many of the newest uploads decide whether an interest is held."""
        return self._rules[interest].uploads

    def counting(self, upload: Contribution) -> set[str]:
        """Return the interests for which an upload counts."""
        tags = upload.every if self._seen else upload.tags
        likely = {interest for tag in tags for interest in self._by_tag.get(tag, ())}
        return {one for one in likely if not any(group.isdisjoint(tags) for group in self._rules[one].groups)}

    def held(self, counted: Mapping[str, Counted], as_of: int) -> dict[str, Labels]:
        """Return the interests at a time in microseconds, each with its display names."""
        found = {}
        for interest, rule in self._rules.items():
            count, newest = counted.get(interest, (0, ()))
            if count >= rule.uploads and newest[0] > as_of - rule.within // _MICROSECOND:
                found[interest] = rule.labels
        return found


NO_INTERESTS: Final = Interests()
