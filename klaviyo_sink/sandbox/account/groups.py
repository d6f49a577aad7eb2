"""Lists, whose members are added, and segments, whose definition decides the members."""

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
    A segment: its definition as sent (`raw`), and parsed.

    `seen` has the time since when each member belongs to it; `entered` the members that its flows have noticed.
    """

    id: str
    name: str
    created: datetime
    updated: datetime
    raw: dict[str, Any]
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
