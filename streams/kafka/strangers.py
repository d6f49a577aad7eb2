"""
Finds who shares a stage's consumer group without being a process of that stage.

Kafka gives each partition to one member of a group, so a stranger takes uploads away from the stage, and its commits
pass uploads that nobody worked on. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

#: How the client ids of a stage's processes begin, and what stands beside each of their commits.
OURS: Final = "hangtag"
_NAMED_AT_MOST = 3


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a consumer group, as the broker describes it."""

    client: str
    host: str
    #: Topics of which it reads partitions.
    topics: frozenset[str]


def strangers(group: str, topic: str, members: Iterable[Member]) -> tuple[str, ...]:
    """
    Say who is in a group and does not belong there, one sentence each.

    Args:
        group: The stage's consumer group.
        topic: The one topic that the stage consumes.
        members: All members of the group.

    """
    found = sorted(members, key=lambda member: (member.client, member.host))
    unknown = [member for member in found if not member.client.startswith(OURS)]
    elsewhere = [member for member in found if member not in unknown and member.topics - {topic}]
    told = []
    if unknown:
        told.append(
            f"{_names(unknown)} is in the group {group} and takes uploads from the stage:"
            " stop it, or set another group.id there"
        )
    if elsewhere:
        topics = sorted(frozenset().union(*(member.topics for member in elsewhere)) - {topic})
        told.append(
            f"{_names(elsewhere)} reads {', '.join(topics)} in the group {group}:"
            " give each installation its own HANGTAG_GROUP_PREFIX"
        )
    return tuple(told)


def foreign_commits(group: str, partitions: Sequence[int]) -> tuple[str, ...]:
    """Say that commits on these partitions are none of a stage's; nothing where there are none."""
    if not partitions:
        return ()
    numbers = ", ".join(map(str, sorted(partitions)))
    told = (
        f"on partition {numbers} the group {group} was committed by another program, an offset reset or an older"
        " version of Hangtag, which may have passed uploads that nobody worked on:"
        " look at StrangerInGroup in docs/operations.md"
    )
    return (told,)


def _names(members: list[Member]) -> str:
    # A client may call itself anything, over several lines too.
    names = [f"{' '.join(member.client.split()) or 'a client without an id'} at {member.host}" for member in members]
    more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
    return ", ".join(names[:_NAMED_AT_MOST]) + more
