"""Reads consumer groups from the cluster: their members and their commits."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from streams.kafka.clients import Admin
from streams.kafka.strangers import OURS, Member
from streams.lag.evaluate import Owner

#: Groups in these states have no assignment at the moment.
_MOVING = {ConsumerGroupState.PREPARING_REBALANCING, ConsumerGroupState.COMPLETING_REBALANCING}

Log = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Commit:
    """The commit of a group on one partition."""

    #: None if there is no commit yet.
    offset: int | None
    #: Whether a stage wrote it; also true if there is none.
    ours: bool


@dataclass(frozen=True, slots=True)
class GroupMembers:
    """The members of a group."""

    #: None if the cluster does not report them (the embedded broker).
    members: tuple[Member, ...] | None = None
    #: The member that reads each partition; None if the cluster does not report it, for example during a rebalance.
    owners: Mapping[Log, Owner] | None = None


def members_of(admin: Admin, groups: Iterable[str], patience_s: float, troubles: list[str]) -> dict[str, GroupMembers]:
    """Return the members of each group; appends to `troubles` what cannot be read."""
    found: dict[str, GroupMembers] = {}
    for group, future in admin.describe_consumer_groups(list(groups), request_timeout=patience_s).items():
        described, error = answer_of(future)
        if error is None:
            found[group] = _members(described)
        # Kafka 4 returns this for a group that never existed; earlier versions describe it as dead.
        elif error == KafkaError.GROUP_ID_NOT_FOUND:
            found[group] = GroupMembers((), {})
        else:
            if error != KafkaError._UNSUPPORTED_FEATURE:  # noqa: SLF001 - confluent-kafka names local errors so
                troubles.append(f"the members of {group} cannot be read ({error_text(error)})")
            found[group] = GroupMembers()
    return found


def commits_of(
    admin: Admin, logs: Mapping[str, list[Log]], patience_s: float, troubles: list[str]
) -> dict[str, dict[Log, Commit]]:
    """Return each group's commits on its partitions. Appends to `troubles` as `members_of`."""
    asked = {
        group: admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group, [TopicPartition(*log) for log in theirs])],
            request_timeout=patience_s,
        )[group]
        for group, theirs in logs.items()
    }
    commits: dict[str, dict[Log, Commit]] = {}
    for group, future in asked.items():
        found, error = answer_of(future)
        if error is not None:
            troubles.append(f"the commits of {group} cannot be read ({error_text(error)})")
            continue
        commits[group] = {
            (place.topic, place.partition): Commit(place.offset, place.metadata == OURS)
            if place.offset >= 0
            else Commit(None, ours=True)
            for place in found.topic_partitions
            if place.error is None
        }
        if unread := [str(place.partition) for place in found.topic_partitions if place.error is not None]:
            troubles.append(f"the commits of {group} on partition {', '.join(unread)} cannot be read")
    return commits


def answer_of(future: "Future[Any]") -> tuple[Any, int | None]:
    """Wait for a result, at most as long as its request may take. Return it, or the code of the error."""
    try:
        return future.result(), None
    except KafkaException as error:
        return None, error.args[0].code()


def error_text(code: int | None) -> str:
    """Return librdkafka's text for an error code."""
    return str(KafkaError(code).str())


def _members(described: Any) -> GroupMembers:
    members: list[Member] = []
    owners: dict[Log, Owner] = {}
    for one in described.members:
        host = one.host.removeprefix("/")
        places = one.assignment.topic_partitions
        members.append(Member(one.client_id, host, frozenset(place.topic for place in places)))
        owners |= {(place.topic, place.partition): Owner(one.client_id, host, one.member_id) for place in places}
    return GroupMembers(tuple(members), None if described.state in _MOVING else owners)
