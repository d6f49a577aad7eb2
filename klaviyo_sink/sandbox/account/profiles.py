"""The data of a person: profile, consent and events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

#: Identifiers, in the order in which they name a profile.
IDENTIFIERS: Final = ("email", "phone_number", "external_id", "anonymous_id")
Channel = Literal["email", "sms"]


@dataclass(frozen=True, slots=True)
class Consent:
    """A person's last decision about marketing by a channel."""

    status: Literal["SUBSCRIBED", "UNSUBSCRIBED"]
    at: datetime
    #: When the person decided, if that was imported.
    consented_at: datetime | None = None
    method: str = "API"


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why no marketing e-mail goes to a profile."""

    reason: Literal["UNSUBSCRIBE", "USER_SUPPRESSED"]
    at: datetime


@dataclass(slots=True)
class StoredProfile:
    """A profile: top-level fields (identifiers among them), custom properties, consent."""

    id: str
    created: datetime
    updated: datetime
    fields: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    consents: dict[Channel, Consent] = field(default_factory=dict)
    suppressions: list[Suppression] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name for people."""
        return str(self.fields.get("email") or self.fields.get("external_id") or self.id)

    def address(self, channel: Channel) -> str | None:
        """Return the address for messages by a channel."""
        found: str | None = self.fields.get("phone_number" if channel == "sms" else "email")
        return found

    def subscribed(self, channel: Channel) -> bool:
        """Return whether the person consents to marketing by the channel."""
        consent = self.consents.get(channel)
        return consent is not None and consent.status == "SUBSCRIBED"

    def can_receive(self, channel: Channel) -> bool:
        """Return whether marketing may be sent."""
        return not self.obstacle(channel)

    def obstacle(self, channel: Channel) -> str:
        """Return why no marketing may be sent: e-mail needs no consent but no suppression, SMS needs consent."""
        if self.address(channel) is None:
            return "no phone number" if channel == "sms" else "no e-mail address"
        if channel == "email":
            return "suppressed" if self.suppressions else ""
        if self.subscribed("sms"):
            return ""
        return "unsubscribed from SMS" if "sms" in self.consents else "never agreed to SMS"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric, created by its first event. Metrics of one name differ by their integration."""

    id: str
    name: str
    created: datetime
    integration: str = "API"


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it was recorded. `backfill` events trigger no flow."""

    id: str
    metric: Metric
    profile_id: str
    unique_id: str
    time: datetime
    backfill: bool
    properties: Mapping[str, Any]
    value: float | None = None
    currency: str | None = None


def put(target: dict[str, Any], name: str, value: Any) -> None:
    """Set a field; null clears it."""
    if value is None:
        target.pop(name, None)
    else:
        target[name] = value


def patch_properties(properties: dict[str, Any], patch: Mapping[str, Any]) -> None:
    """Apply `patch_properties`: append, unappend, unset."""
    for name, value in (patch.get("append") or {}).items():
        properties[name] = _as_list(properties.get(name)) + _as_list(value)
    for name, value in (patch.get("unappend") or {}).items():
        properties[name] = [one for one in _as_list(properties.get(name)) if one not in _as_list(value)]
    unset = patch.get("unset") or []
    for name in [unset] if isinstance(unset, str) else unset:
        properties.pop(name, None)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
