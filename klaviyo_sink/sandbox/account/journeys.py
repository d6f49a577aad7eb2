"""Flows, people's journeys through them, and the resulting messages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from klaviyo_sink.sandbox.account.profiles import Channel
from klaviyo_sink.sandbox.shapes.actions import AnyAction, FlowDefinition

#: `sent`; `waiting` until morning; `draft`: would be sent if the flow were live; `skipped`, with the reason.
MessageStatus = Literal["sent", "waiting", "draft", "skipped"]


@dataclass(slots=True)
class StoredFlow:
    """A flow: a graph of actions by id. `raw` is its definition as Klaviyo returns it."""

    id: str
    name: str
    created: datetime
    updated: datetime
    definition: FlowDefinition
    raw: dict[str, Any]
    actions: dict[str, AnyAction]
    entry: str
    status: str = "draft"

    @property
    def live(self) -> bool:
        """Whether its messages are sent."""
        return self.status == "live"


@dataclass(slots=True)
class Journey:
    """One person's journey through one flow. Only a journey through a live flow counts."""

    flow_id: str
    profile_id: str
    event_id: str | None
    entered: datetime
    #: The next action, and when it is due; None after the end.
    action: str | None
    due: datetime
    counts: bool
    ended: str = ""


@dataclass(slots=True)
class Message:
    """A message of a flow, sent or not."""

    flow_id: str
    flow: str
    action: str
    channel: Channel
    profile_id: str
    event_id: str | None
    to: str | None
    subject: str
    body: str
    status: MessageStatus
    at: datetime
    reason: str = ""
