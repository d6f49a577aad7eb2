"""
Rejects events that Klaviyo would refuse, or accept and drop, before a request is spent. Pure.

Sources: developers.klaviyo.com, events overview ("Limitations": time from 2000 to one year ahead; Klaviyo answers
events of test domains with 202 and drops them).
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from klaviyo_sink.profile.style import identifiers
from schemas.events import OutfitTagged
from schemas.outcomes import Never

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
FURTHEST_AHEAD: Final = timedelta(days=365)
#: Most tags of an upload. A real photo has about a dozen. More would stay in the style profile and could make it too
#: large to send ever again (95 kB on an event).
MOST_TAGS: Final = 200
TEST_DOMAINS: Final = frozenset({"example.com", "example.net", "example.org", "test.com"})


def refusal(event: OutfitTagged, now: datetime) -> Never | None:
    """Return why Klaviyo would refuse or drop the event; None if it would not."""
    if not EARLIEST <= event.uploaded_at <= now + FURTHEST_AHEAD:
        return Never("time-out-of-range", "Klaviyo accepts events from the year 2000 to one year ahead")
    if len(event.tags) > MOST_TAGS:
        return Never("too-many-tags", f"an upload has at most {MOST_TAGS} tags")
    return unsendable_name(*identifiers(event.identity)[0])


def unsendable_name(name: str, value: str) -> Never | None:
    """Return why Klaviyo would drop everything sent with this identifier; None if it would not."""
    if name == "email" and in_test_domain(value):
        return Never("test-domain", "Klaviyo answers events of test domains (example.com, …) with 202 and drops them")
    return None


def in_test_domain(email: str) -> bool:
    """Return whether Klaviyo drops this address's events."""
    return email.rpartition("@")[2].lower() in TEST_DOMAINS
