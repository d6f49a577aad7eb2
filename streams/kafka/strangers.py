"""
Detects foreign programs in a stage's consumer group.

Kafka assigns each partition to one member of a group. So a foreign member takes uploads away from the stage, and its
commits skip uploads that nobody processed. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

#: Prefix of the client ids of a stage's processes, and the metadata of each of their commits.
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
    Return one sentence per kind of foreign member in a group.

    Args:
        group: The stage's consumer group.
        topic: The one topic that the stage consumes.
        members: All members of the group.

    """
    found = sorted(members, key=lambda member: (member.client, member.host))
    unknown = [member for member in found if not member.client.startswith(OURS)]
    elsewhere = [member for member in found if member not in unknown and member.topics - {topic}]
    sentences = []
    if unknown:
        sentences.append(
            f"{_names(unknown)} is in the group {group} and takes uploads from the stage:"
            " stop it, or set another group.id there"
        )
    if elsewhere:
        topics = sorted(frozenset().union(*(member.topics for member in elsewhere)) - {topic})
        sentences.append(
            f"{_names(elsewhere)} reads {', '.join(topics)} in the group {group}:"
            " give each installation its own HANGTAG_GROUP_PREFIX"
        )
    return tuple(sentences)


def foreign_commits(group: str, partitions: Sequence[int]) -> tuple[str, ...]:
    """Return a sentence about partitions whose commits are not from a stage; empty if there are none."""
    if not partitions:
        return ()
    numbers = ", ".join(map(str, sorted(partitions)))
    sentences = (
        f"on partition {numbers} another program, an offset reset or an older version of Hangtag committed for the"
        f" group {group}. It may have skipped uploads that nobody processed:"
        " see StrangerInGroup in docs/operations.md"
    )
    return (sentences,)


def _names(members: list[Member]) -> str:
    # A client id may contain anything, even line breaks.
    names = [f"{' '.join(member.client.split()) or 'a client without an id'} at {member.host}" for member in members]
    more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
    return ", ".join(names[:_NAMED_AT_MOST]) + more
