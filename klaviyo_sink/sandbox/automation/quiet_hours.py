"""Quiet hours, in which no texts are sent: 21 to 8 o'clock in the profile's time zone, else in UTC. Pure."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from klaviyo_sink.sandbox.account.profiles import StoredProfile

#: Guidance in help.klaviyo.com article 4408737146651.
QUIET_FROM: Final = 21
QUIET_UNTIL: Final = 8


def morning_after(profile: StoredProfile, now: datetime) -> datetime | None:
    """Return the end of the current quiet hours; None by day."""
    local = now.astimezone(_zone(profile))
    if QUIET_UNTIL <= local.hour < QUIET_FROM:
        return None
    day = local.date() + timedelta(days=local.hour >= QUIET_FROM)
    return datetime(day.year, day.month, day.day, QUIET_UNTIL, tzinfo=local.tzinfo).astimezone(UTC)


def _zone(profile: StoredProfile) -> tzinfo:
    try:
        return ZoneInfo((profile.fields.get("location") or {}).get("timezone") or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
