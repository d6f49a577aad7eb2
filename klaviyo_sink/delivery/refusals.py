"""
Events that Klaviyo would refuse or, worse, accept and drop: said here, before a request is spent. Pure.

Sources: developers.klaviyo.com, events overview ("Limitations": time from 2000 to one year ahead; events of test
domains are answered 202 and dropped).
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from klaviyo_sink.profile.style import identifiers
from schemas.events import OutfitTagged
from schemas.outcomes import Never

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
FURTHEST_AHEAD: Final = timedelta(days=365)
#: A photo's honest tags number a dozen. More would sit in the style profile and could make it too large to send ever
#: again (95 kB on an event), so they never get in.
MOST_TAGS: Final = 200
TEST_DOMAINS: Final = frozenset({"example.com", "example.net", "example.org", "test.com"})


def refusal(event: OutfitTagged, now: datetime) -> Never | None:
    """Say why the event cannot reach Klaviyo, if it cannot."""
    if not EARLIEST <= event.uploaded_at <= now + FURTHEST_AHEAD:
        return Never("time-out-of-range", "Klaviyo takes events from the year 2000 to one year ahead")
    if len(event.tags) > MOST_TAGS:
        return Never("too-many-tags", f"an upload has at most {MOST_TAGS} tags")
    return unsendable_name(*identifiers(event.identity)[0])


def unsendable_name(name: str, value: str) -> Never | None:
    """Say why Klaviyo would drop whatever is sent under this identifier, if it would."""
    if name == "email" and in_test_domain(value):
        return Never("test-domain", "Klaviyo answers events of test domains (example.com, …) with 202 and drops them")
    return None


def in_test_domain(email: str) -> bool:
    """Tell whether Klaviyo drops this address's events."""
    return email.rpartition("@")[2].lower() in TEST_DOMAINS
