"""Lists, whose members are added, and segments, whose members a definition decides."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from klaviyo_sink.sandbox.shapes.conditions import SegmentDefinition


@dataclass(slots=True)
class StoredList:
    """A list: members by id with the time they joined."""

    id: str
    name: str
    created: datetime
    updated: datetime
    opt_in_process: str = "single_opt_in"
    members: dict[str, datetime] = field(default_factory=dict)


@dataclass(slots=True)
class StoredSegment:
    """
    A segment: what was sent, and the same as a shape.

    `seen` says since when each member was seen in it, `entered` whom its flows have noticed in it.
    """

    id: str
    name: str
    created: datetime
    updated: datetime
    said: dict[str, Any]
    definition: SegmentDefinition
    is_starred: bool = False
    seen: dict[str, datetime] = field(default_factory=dict)
    entered: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class StoredTemplate:
    """A template of e-mails."""

    id: str
    name: str
    editor_type: str
    html: str
    text: str
    created: datetime
