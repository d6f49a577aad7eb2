"""Remembers the partitions that another program committed lately. Pure: the caller passes the time."""

from typing import Final

from streams.lag.evaluate import GroupPartition

#: Seconds for which such a commit is reported.
FRESH_S: Final = 60


class ForeignCommits:
    """Records commits. A commit found at the first look counts as new, because its age is unknown."""

    def __init__(self) -> None:
        """Create it without commits."""
        self._offsets: dict[GroupPartition, int | None] = {}
        self._since: dict[GroupPartition, float] = {}

    def is_fresh(self, place: GroupPartition, offset: int | None, *, ours: bool, at: float) -> bool:
        """Record the commit of a partition. Return whether another program moved it within `FRESH_S`."""
        moved = place not in self._offsets or self._offsets[place] != offset
        self._offsets[place] = offset
        if ours:
            self._since.pop(place, None)
        elif moved:
            self._since[place] = at
        return place in self._since and at - self._since[place] < FRESH_S
