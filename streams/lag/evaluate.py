"""
Judges consumer lag: how far behind a group is on a partition, and whether it makes progress.

The state follows from a window of readings, not from a threshold on a number: LinkedIn's Burrow, "Consumer Lag
Evaluation Rules" (github.com/linkedin/Burrow/wiki/Consumer-Lag-Evaluation-Rules). The caller passes readings with their
times; knows no Kafka client.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

LagState = Literal["ok", "idle", "stalled", "unassigned", "no-commit"]
STATES: Final[tuple[LagState, ...]] = get_args(LagState)


@dataclass(frozen=True, slots=True)
class GroupPartition:
    """One partition, as one consumer group sees it."""

    group: str
    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Owner:
    """The group's member that reads a partition."""

    client: str
    host: str
    member: str


@dataclass(frozen=True, slots=True)
class RecordTime:
    """A record's offset, and its timestamp in seconds since the epoch."""

    offset: int
    time: float


@dataclass(frozen=True, slots=True)
class PartitionOffsets:
    """One reading of a partition. Offsets as in Kafka; `at` in seconds since the epoch."""

    at: float
    #: The next offset the group will read; None before its first commit.
    committed: int | None
    #: The oldest offset that still exists, and the one the next record will get.
    low: int
    high: int
    #: The first record that the group has not committed, and the partition's last one; None if not read.
    oldest: RecordTime | None = None
    newest: RecordTime | None = None
    #: True if the offsets ahead contain no records: transaction markers, or gaps from compaction.
    nothing_ahead: bool = False
    #: The member that reads the partition; None: no member.
    owner: Owner | None = None
    #: Whether the cluster reported the owners. It cannot while a group rebalances.
    owner_known: bool = False

    @property
    def start(self) -> int:
        """
        The offset at which the group continues to read.

        Without a commit a stage starts at the first existing record. The same holds for a commit beyond the end of the
        log, because the topic was deleted and created again.
        """
        if self.committed is None or self.committed > self.high:
            return self.low
        return max(self.committed, self.low)

    @property
    def lag(self) -> int:
        """Number of offsets ahead that can still be read. Before the first commit that is the whole log."""
        return 0 if self.nothing_ahead else self.high - self.start

    @property
    def expired(self) -> int:
        """Number of offsets that were deleted before the group read them."""
        return 0 if self.committed is None else max(0, self.low - self.committed)


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """The judged state of a partition. Offsets and `expired` as in `PartitionOffsets`."""

    place: GroupPartition
    #: When it was read, seconds since the epoch.
    at: float
    state: LagState
    committed: int | None
    low: int
    high: int
    #: Offsets ahead that can still be read; before the first commit the whole log.
    lag: int
    #: Age in seconds of the oldest uncommitted record; 0 if there is none, None if unknown.
    seconds: float | None
    #: True if `seconds` is an estimate from other records, because the record is gone or could not be read.
    estimated: bool
    expired: int
    #: Seconds for which the commit has not moved, within the window.
    still_s: float
    owner: Owner | None


def remember(
    window: Sequence[PartitionOffsets], reading: PartitionOffsets, keep_s: float
) -> tuple[PartitionOffsets, ...]:
    """Add a reading, and drop those that are not needed to look back `keep_s` seconds."""
    # If the log ends earlier than before, the topic was created again, and old readings are of another log.
    old = () if window and reading.high < window[-1].high else tuple(window)
    since = reading.at - keep_s
    first = max((at for at, one in enumerate(old) if one.at <= since), default=0)
    return (*old[first:], reading)


def judge(place: GroupPartition, window: Sequence[PartitionOffsets], stalled_after_s: float) -> PartitionLag:
    """
    Judge a partition by its readings, oldest first, at least one.

        no-commit    records wait in the log, and the group has committed nothing here yet
        stalled      records were ahead in every reading for `stalled_after_s`, and the commit did not move
        unassigned   no member of the group reads the partition
        idle         nothing is ahead, and no records arrive
        ok           anything else; a single reading cannot show movement
    """
    now = window[-1]
    seconds, estimated = _seconds(window)
    return PartitionLag(
        place=place,
        at=now.at,
        state=_state(window, stalled_after_s),
        committed=now.committed,
        low=now.low,
        high=now.high,
        lag=now.lag,
        seconds=seconds,
        estimated=estimated,
        expired=now.expired,
        still_s=now.at - _still(window)[0].at,
        owner=now.owner,
    )


class LagMemory:
    """The windows of every watched partition."""

    def __init__(self, stalled_after_s: float) -> None:
        self._stalled_after_s = stalled_after_s
        self._windows: dict[GroupPartition, tuple[PartitionOffsets, ...]] = {}

    def judge(self, readings: Mapping[GroupPartition, PartitionOffsets]) -> tuple[PartitionLag, ...]:
        """Add a reading of every partition, and judge them. Partitions that are missing are forgotten."""
        self._windows = {
            place: remember(self._windows.get(place, ()), reading, self._stalled_after_s)
            for place, reading in readings.items()
        }
        return tuple(judge(place, window, self._stalled_after_s) for place, window in self._windows.items())


def _state(window: Sequence[PartitionOffsets], stalled_after_s: float) -> LagState:
    now = window[-1]
    if now.committed is None and now.lag:
        return "no-commit"
    waiting = [*_still(window)]
    while waiting and not all(one.lag for one in waiting):
        del waiting[0]
    if waiting and now.at - waiting[0].at >= stalled_after_s:
        return "stalled"
    if now.owner_known and now.owner is None:
        return "unassigned"
    return "idle" if not now.lag and _still(window) == tuple(window) else "ok"


def _still(window: Sequence[PartitionOffsets]) -> tuple[PartitionOffsets, ...]:
    """Return the last readings, all with the same commit."""
    first = len(window) - 1
    while first and window[first - 1].committed == window[-1].committed:
        first -= 1
    return tuple(window[first:])


def _seconds(window: Sequence[PartitionOffsets]) -> tuple[float | None, bool]:
    now = window[-1]
    if now.lag == 0:
        return 0.0, False
    if now.oldest is not None and not now.expired:
        return max(0.0, now.at - now.oldest.time), False
    wanted = now.start if now.committed is None or now.committed > now.high else now.committed
    times = [] if (written := _time_of(wanted, window)) is None else [written]
    # The deleted records were older than the remaining ones.
    times += [] if now.oldest is None else [now.oldest.time]
    return (max(0.0, now.at - min(times)) if times else None), True


def _time_of(offset: int, window: Sequence[PartitionOffsets]) -> float | None:
    """
    Estimate when an offset was written, on the straight line between the nearest known points.

    Known points are the records that were read, now or earlier, and the end of the log at each reading. An offset
    before all of them is on the line through the first and the last record.
    """
    records = {stamp.offset: stamp.time for one in window for stamp in (one.newest, one.oldest) if stamp is not None}
    known = {one.high: one.at for one in window} | records
    before = max((at for at in known if at <= offset), default=None)
    after = min((at for at in known if at > offset), default=None)
    if before is None:
        known, before, after = records, min(records, default=None), max(records, default=None)
    if before is None or after is None or before in {offset, after}:
        return None if before is None else known[before]
    pace = max(0.0, (known[after] - known[before]) / (after - before))
    return known[before] + (offset - before) * pace
