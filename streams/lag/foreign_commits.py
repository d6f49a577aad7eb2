"""Remembers which partitions somebody else committed on lately. Pure; told the time."""

from typing import Final

from streams.lag.evaluate import GroupPartition

#: Seconds for which such a commit is told: an old one says nothing new.
FRESH_S: Final = 60


class ForeignCommits:
    """Takes in one commit after another. One that lay there at the first look counts as new: nobody knows its age."""

    def __init__(self) -> None:
        """Know of no commit."""
        self._offsets: dict[GroupPartition, int | None] = {}
        self._since: dict[GroupPartition, float] = {}

    def is_fresh(self, place: GroupPartition, offset: int | None, *, ours: bool, at: float) -> bool:
        """Take in what is committed on a partition; return whether somebody else moved it there within `FRESH_S`."""
        moved = place not in self._offsets or self._offsets[place] != offset
        self._offsets[place] = offset
        if ours:
            self._since.pop(place, None)
        elif moved:
            self._since[place] = at
        return place in self._since and at - self._since[place] < FRESH_S
