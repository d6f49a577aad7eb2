"""Tracks, per partition, the offset up to which work is done and the one that is committed. Pure."""

from collections.abc import Iterable

from streams.runtime.track import Partition


class Commits:
    """Keeps the newest done offset of each partition until Kafka has committed it."""

    def __init__(self) -> None:
        """Create it without offsets."""
        self._done: dict[Partition, int] = {}
        self._committed: dict[Partition, int] = {}

    def done(self, partition: Partition, offset: int) -> None:
        """Record that everything below `offset` is done."""
        self._done[partition] = offset

    def position(self, partition: Partition, start: int | None) -> int | None:
        """Return the offset below which all is done; `start` if nothing was done in this assignment."""
        return self._done.get(partition, start)

    def pending(self) -> dict[Partition, int]:
        """Return the offsets that are not committed yet."""
        return {
            partition: offset for partition, offset in self._done.items() if self._committed.get(partition) != offset
        }

    def committed(self, offsets: dict[Partition, int]) -> None:
        """Record committed offsets. A partition that was forgotten meanwhile stays forgotten."""
        self._committed |= {partition: offset for partition, offset in offsets.items() if partition in self._done}

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Drop partitions that are no longer ours, so that no late commit moves their offsets."""
        for partition in partitions:
            self._done.pop(partition, None)
            self._committed.pop(partition, None)
