"""Flows, people on their way through them, and the messages that came of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from klaviyo_sink.sandbox.account.profiles import Channel
from klaviyo_sink.sandbox.shapes.actions import AnyAction, FlowDefinition

#: `sent`; `waiting` for the morning; `draft`, would have gone out were the flow live; `skipped`, with the reason.
MessageStatus = Literal["sent", "waiting", "draft", "skipped"]


@dataclass(slots=True)
class StoredFlow:
    """A flow: a graph of actions by id. `said` is its definition as Klaviyo gives it back."""

    id: str
    name: str
    created: datetime
    updated: datetime
    definition: FlowDefinition
    said: dict[str, Any]
    actions: dict[str, AnyAction]
    entry: str
    status: str = "draft"

    @property
    def live(self) -> bool:
        """Whether its messages go out."""
        return self.status == "live"


@dataclass(slots=True)
class Journey:
    """One person's way through one flow. Only a journey through a live flow counts for anything."""

    flow_id: str
    profile_id: str
    event_id: str | None
    entered: datetime
    #: The next action, and when it is due; None when the journey is over.
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
