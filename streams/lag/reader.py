"""
Reads the data for lag from the cluster: commits, ends of logs, members, and timestamps of single records.

Commits nothing and joins no group. What the embedded broker does not report stays unknown.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Self

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    TopicPartition,
)
from confluent_kafka.admin import OffsetSpec

from schemas.steady_clock import now as steady_now
from streams.config.settings import Settings
from streams.flow import flow_of
from streams.kafka.clients import ELECTION_AGAIN_S, ELECTION_S, LEADERLESS, Admin, client_config
from streams.kafka.isolated import Isolated
from streams.kafka.strangers import foreign_commits, strangers
from streams.lag.evaluate import GroupPartition, PartitionOffsets, RecordTime
from streams.lag.foreign_commits import ForeignCommits
from streams.lag.groups import Commit, Log, answer_of, commits_of, error_text, members_of


def _now() -> float:
    # Ages must not jump with the machine's clock: an alert would fire by mistake, or never again.
    return steady_now().timestamp()


@dataclass(frozen=True, slots=True)
class LagSnapshot:
    """One look at the cluster."""

    readings: Mapping[GroupPartition, PartitionOffsets]
    #: Members of each group; None if the cluster does not report them (the embedded broker).
    members: Mapping[str, int | None]
    #: What could not be read, one sentence each.
    troubles: tuple[str, ...]
    #: Groups with unreadable partitions: a sum or a maximum over the others would be too small.
    partial: frozenset[str] = frozenset()
    #: Foreign members of each group, one sentence each; no entry if the cluster reports no members.
    strangers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def stage_groups(settings: Settings) -> dict[str, str]:
    """Return each stage's consumer group, with the topic it consumes."""
    flow = flow_of(settings)
    return {f"{settings.group_prefix}.{stage}": consumed.name for stage, (consumed, _published) in flow.items()}


def isolated_looks(settings: Settings, *, patience_s: float = 5, limit_s: float = 40) -> Isolated[LagSnapshot]:
    """Return looks at the cluster in a child process: a crash of the client library ends one look only."""
    return Isolated(partial(_look_of, settings, patience_s), limit_s=limit_s)


def _look_of(settings: Settings, patience_s: float) -> Callable[[], LagSnapshot]:
    return LagReader(settings, patience_s=patience_s).look


class LagReader:
    """
    Keeps its connections between looks. Close it, or use it as a context manager.

    Its client library may crash when a broker freezes, so long-lived processes use `isolated_looks` instead.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = _now, patience_s: float = 5) -> None:
        """Create a reader that waits at most `patience_s` seconds for each kind of response."""
        self._settings, self._clock, self._patience_s = settings, clock, patience_s
        self._admin = Admin(settings)
        self._consumer = Consumer(
            client_config(settings)
            | {
                "group.id": "hangtag-lag",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                # Read as the stages do, which skip records of aborted transactions.
                "isolation.level": "read_committed",
                # One record per partition is enough, so fetch few.
                "queued.min.messages": 1,
                "max.partition.fetch.bytes": 131_072,
            }
        )
        self._last: dict[GroupPartition, PartitionOffsets] = {}
        self._foreign = ForeignCommits()

    def look(self) -> LagSnapshot:
        """
        Read every stage's partitions. Blocks, for seconds if the cluster is slow.

        Raises:
            NoKafkaError: No broker responded.

        """
        topics = self._admin.cluster(timeout_s=self._patience_s).topics
        groups = stage_groups(self._settings)
        # A topic that is being deleted exists without partitions.
        logs = {
            group: [(name, at) for at in topics[name].partitions]
            for group, name in groups.items()
            if name in topics and topics[name].partitions
        }
        missing = [name for group, name in groups.items() if group not in logs]
        troubles = [f"topic {name} is missing: run `hangtag topics apply`" for name in missing]
        members = members_of(self._admin, groups, self._patience_s, troubles)
        # Read commits before ends: otherwise the commits of a busy group would be beyond the ends.
        at = self._clock()
        commits = commits_of(self._admin, logs, self._patience_s, troubles)
        ends = self._ends({log for group in commits for log in logs[group]}, troubles)
        readings = {}
        for group, committed in commits.items():
            owners = members[group].owners
            for log in logs[group]:
                if log in ends and log in committed:
                    readings[GroupPartition(group, *log)] = PartitionOffsets(
                        at=at,
                        committed=committed[log].offset,
                        low=ends[log][0],
                        high=ends[log][1],
                        owner=(owners or {}).get(log),
                        owner_known=owners is not None,
                    )
        moved = self._moved_by_others(at, commits)
        self._last = readings = self._stamped(readings)
        read_in_part = frozenset(
            group
            for group in groups
            if any(GroupPartition(group, *log) not in readings for log in logs.get(group, [("", 0)]))
        )
        counts = {group: None if one.members is None else len(one.members) for group, one in members.items()}
        foreign = {
            group: strangers(group, groups[group], one.members) + foreign_commits(group, moved.get(group, ()))
            for group, one in members.items()
            if one.members is not None
        }
        return LagSnapshot(readings, counts, tuple(troubles), read_in_part, foreign)

    def _moved_by_others(self, at: float, commits: Mapping[str, Mapping[Log, Commit]]) -> dict[str, list[int]]:
        """Return, by group, the partitions whose commit another program moved lately."""
        found: dict[str, list[int]] = {}
        for group, theirs in commits.items():
            for log, commit in theirs.items():
                if self._foreign.is_fresh(GroupPartition(group, *log), commit.offset, ours=commit.ours, at=at):
                    found.setdefault(group, []).append(log[1])
        return found

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ends(self, logs: set[Log], troubles: list[str]) -> dict[Log, tuple[int, int]]:
        """Return beginning and end of each partition's log, without partitions that have no leader."""
        ends, unread = self._read_ends(logs)
        give_up = time.monotonic() + ELECTION_S
        while (again := {log for log, code in unread.items() if code in LEADERLESS}) and time.monotonic() < give_up:
            time.sleep(ELECTION_AGAIN_S)
            found, still = self._read_ends(again)
            ends |= found
            unread = {log: code for log, code in unread.items() if log not in again} | still
        together: dict[tuple[str, int | None], list[str]] = {}
        for (topic, partition), code in unread.items():
            together.setdefault((topic, code), []).append(str(partition))
        for (topic, code), partitions in together.items():
            troubles.append(f"{topic}[{', '.join(partitions)}] cannot be read ({error_text(code)})")
        return ends

    def _read_ends(self, logs: set[Log]) -> tuple[dict[Log, tuple[int, int]], dict[Log, int | None]]:
        """Return beginning and end of the logs that were read, and the error code of the others."""
        if not logs:
            return {}, {}
        first, last = (
            self._admin.list_offsets(
                {TopicPartition(*log): spec for log in logs},
                # Like the stages, leave out records of transactions that are still open.
                isolation_level=IsolationLevel.READ_COMMITTED,
                request_timeout=self._patience_s,
            )
            for spec in (OffsetSpec.earliest(), OffsetSpec.latest())
        )
        ends: dict[Log, tuple[int, int]] = {}
        unread: dict[Log, int | None] = {}
        for place, future in last.items():
            log = (place.topic, place.partition)
            (high, late), (low, early) = answer_of(future), answer_of(first[place])
            if late is None and early is None:
                ends[log] = (low.offset, high.offset)
            else:
                unread[log] = early if late is None else late
        return ends, unread

    def _stamped(self, readings: Mapping[GroupPartition, PartitionOffsets]) -> dict[GroupPartition, PartitionOffsets]:
        """Return the readings with the timestamps from which ages are computed."""
        known = {place: self._known(place, reading) for place, reading in readings.items()}
        behind = {place: one for place, one in known.items() if one.lag}
        ends = {place: one.high for place, one in behind.items()}
        oldest = self._records({place: one.start for place, one in behind.items() if one.oldest is None}, ends)
        # The last record is needed for an estimate, if the first is gone.
        newest = self._records({place: one.high - 1 for place, one in behind.items() if one.expired}, ends)
        stamped = {}
        for place, reading in known.items():
            found = oldest.get(place)
            last = newest.get(place)
            stamped[place] = replace(
                reading,
                oldest=found if isinstance(found, RecordTime) else reading.oldest,
                newest=last if isinstance(last, RecordTime) else None,
                nothing_ahead=reading.nothing_ahead or found == "end",
            )
        return stamped

    def _known(self, place: GroupPartition, reading: PartitionOffsets) -> PartitionOffsets:
        """Copy from the last look what cannot have changed."""
        last = self._last.get(place)
        if last is None or last.committed != reading.committed or last.low != reading.low or last.high > reading.high:
            return reading
        return replace(reading, oldest=last.oldest, nothing_ahead=last.nothing_ahead and last.high == reading.high)

    def _records(
        self, wanted: Mapping[GroupPartition, int], ends: Mapping[GroupPartition, int]
    ) -> dict[GroupPartition, "RecordTime | str"]:
        """
        Read the first record at or after each offset; "end" if there is none, no entry if none came in time.

        A leader that was just elected may report the end of a log too early. So an end before that in `ends` counts
        only if no record comes for a second.
        """
        if not wanted:
            return {}
        places = {(place.topic, place.partition): place for place in wanted}
        found: dict[GroupPartition, RecordTime | str] = {}
        starts = [TopicPartition(place.topic, place.partition, at) for place, at in wanted.items()]
        self._consumer.assign(starts)
        # Partitions are still paused from the last call.
        self._consumer.resume(starts)
        began = time.monotonic()
        early: set[GroupPartition] = set()
        deadline = began + self._patience_s
        while len(found) < len(wanted) and time.monotonic() < deadline:
            for message in self._consumer.consume(100, timeout=0.2):
                place = places.get((message.topic(), message.partition()))
                if place is None or place in found:
                    continue
                error = message.error()
                if error is None:
                    kind, ms = message.timestamp()
                    found[place] = RecordTime(message.offset(), ms / 1000) if kind else "untimed"
                elif error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's local code
                    continue
                elif message.offset() < ends[place]:
                    early.add(place)
                    continue
                else:
                    found[place] = "end"
                self._consumer.pause([TopicPartition(message.topic(), message.partition())])
            if time.monotonic() - began >= ELECTION_S:
                found |= dict.fromkeys(early - found.keys(), "end")
        self._consumer.unassign()
        return found
