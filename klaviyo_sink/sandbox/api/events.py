"""Accepts events, one or many at a time, and lets them start flows."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from klaviyo_sink.sandbox.access.problems import Problem, RefusedError, invalid
from klaviyo_sink.sandbox.account.account import Account
from klaviyo_sink.sandbox.api.gate import KlaviyoRoute, account_of, read_body
from klaviyo_sink.sandbox.api.writes import check_attributes, check_named, find_for_event, given, patch_of
from klaviyo_sink.sandbox.automation.engine import on_event
from klaviyo_sink.sandbox.shapes.events import BulkEntry, BulkEventsRequest, EntryAttributes, EventRequest

# developers.klaviyo.com, events overview, "Limitations".
LARGEST_PROFILE: Final = 95_000
MOST_PROPERTIES: Final = 400
MOST_ITEMS: Final = 4000
DEEPEST: Final = 10
LONGEST_STRING: Final = 100_000
LONGEST_METRIC: Final = 127
LONGEST_UNIQUE_ID: Final = 255
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
FURTHEST_AHEAD: Final = timedelta(days=365)
BULK_MOST_EVENTS: Final = 1000
TEST_DOMAINS: Final = ("@example.com", "@example.net", "@example.org", "@test.com")

router = APIRouter(route_class=KlaviyoRoute)


@dataclass(frozen=True, slots=True)
class _Incoming:
    """A checked event and its profile."""

    profile_id: str | None
    profile: dict[str, Any]
    patch: dict[str, Any]
    entry: EntryAttributes
    time: datetime
    unique_id: str
    backfill: bool
    pointer: str


@router.post("/api/events")
async def create_event(request: Request) -> Response:
    """Accept one event. A repeated `unique_id` is dropped silently."""
    attributes = (await read_body(request, EventRequest)).data.attributes
    account = account_of(request)
    profile = attributes.profile.data
    incoming = _checked(
        account,
        attributes,
        profile_id=profile.id,
        profile=given(profile.attributes),
        patch=patch_of(profile.attributes.meta),
        backfill=bool(attributes.backfill),
        pointer="/data/attributes",
    )
    find_for_event(account, incoming.profile_id, incoming.profile, "/data/attributes/profile/data")
    _take(account, incoming)
    return Response(status_code=202)


@router.post("/api/event-bulk-create-jobs")
async def bulk_create_events(request: Request) -> Response:
    """Accept up to 1,000 events, or none: one bad event or repeated `unique_id` rejects the whole job."""
    job = (await read_body(request, BulkEventsRequest)).data
    account = account_of(request)
    incoming: list[_Incoming] = []
    problems: list[Problem] = []
    for i, entry in enumerate(job.attributes.entries.data):
        try:
            incoming += _of_entry(account, entry, i)
        except RefusedError as refused:
            problems += refused.problems
    if not problems and not 1 <= len(incoming) <= BULK_MOST_EVENTS:
        raise RefusedError(400, invalid("/data/attributes/events-bulk-create/data", "Send 1 to 1000 events."))
    problems += _repeated(account, incoming)
    if problems:
        raise RefusedError(400, *problems)
    for event in incoming:
        _take(account, event)
    return Response(status_code=202)


def _repeated(account: Account, incoming: list[_Incoming]) -> Iterator[Problem]:
    seen: set[tuple[str, tuple[str, str], str]] = set()
    for event in incoming:
        profile = account.find(event.profile_id, event.profile)
        metric = _metric(event.entry)
        who = profile.id if profile else json.dumps(event.profile | {"properties": None}, sort_keys=True)
        if (who, metric, event.unique_id) in seen or account.recorded(profile, metric, event.unique_id):
            yield invalid(f"{event.pointer}/unique_id", "unique_id is repeated; no event was accepted.")
        seen.add((who, metric, event.unique_id))


def _of_entry(account: Account, entry: BulkEntry, index: int) -> Iterator[_Incoming]:
    profile = entry.attributes.profile.data
    where = f"/data/attributes/events-bulk-create/data/{index}/attributes/profile/data"
    find_for_event(account, profile.id, given(profile.attributes), where)
    for j, event in enumerate(entry.attributes.events.data):
        yield _checked(
            account,
            event.attributes,
            profile_id=profile.id,
            profile=given(profile.attributes),
            patch=patch_of(profile.meta),
            backfill=bool(entry.attributes.backfill or event.attributes.backfill),
            pointer=f"/data/attributes/events-bulk-create/data/{index}/attributes/events/data/{j}/attributes",
            profile_pointer=where,
        )


def _checked(
    account: Account,
    entry: EntryAttributes,
    *,
    profile_id: str | None,
    profile: dict[str, Any],
    patch: dict[str, Any],
    backfill: bool,
    pointer: str,
    profile_pointer: str | None = None,
) -> _Incoming:
    where = profile_pointer or f"{pointer}/profile/data"
    check_named(profile_id, profile, where)
    size = len(to_json(profile))
    check_attributes(profile, f"{where}/attributes", largest=LARGEST_PROFILE, size=size)
    if not 1 <= len(entry.metric.data.attributes.name) <= LONGEST_METRIC:
        raise RefusedError(400, invalid(f"{pointer}/metric/data/attributes/name", "Use 1 to 127 characters."))
    if len(entry.properties) > MOST_PROPERTIES or not _fits(entry.properties, DEEPEST):
        raise RefusedError(400, invalid(f"{pointer}/properties", "The event's properties exceed the limits."))
    time = _time(entry.time, account.now(), pointer)
    unique_id = entry.unique_id if entry.unique_id is not None else str(int(time.timestamp()))
    if not 1 <= len(unique_id) <= LONGEST_UNIQUE_ID:
        raise RefusedError(400, invalid(f"{pointer}/unique_id", "Use 1 to 255 characters."))
    return _Incoming(profile_id, profile, patch, entry, time, unique_id, backfill, pointer)


def _take(account: Account, event: _Incoming) -> None:
    if str(event.profile.get("email") or "").lower().endswith(TEST_DOMAINS):
        account.counters["events_of_test_domains_dropped"] += 1
        return
    profile, _made = account.upsert(event.profile_id, event.profile, event.patch)
    recorded = account.record(
        profile,
        _metric(event.entry),
        unique_id=event.unique_id,
        time=event.time,
        backfill=event.backfill,
        properties=event.entry.properties,
        value=event.entry.value,
        currency=event.entry.value_currency,
    )
    if recorded is not None and account.flows:
        on_event(account, recorded)


def _metric(entry: EntryAttributes) -> tuple[str, str]:
    """Return a metric and its integration: `service` is for Klaviyo's own, such as `shopify`."""
    named = entry.metric.data.attributes
    service = named.service or "api"
    return named.name, "API" if service == "api" else service.capitalize()


def _time(text: str | None, now: datetime, pointer: str) -> datetime:
    if text is None:
        return now.replace(microsecond=0)
    try:
        time = datetime.fromisoformat(text)
        time = time if time.tzinfo else time.replace(tzinfo=UTC)
        in_range = EARLIEST <= time <= now + FURTHEST_AHEAD
    except (ValueError, OverflowError):
        in_range = False
    if not in_range:
        raise RefusedError(400, invalid(f"{pointer}/time", "Use an RFC 3339 time from 2000 to one year ahead."))
    return time.replace(microsecond=0)


def _fits(value: Any, levels: int) -> bool:
    if isinstance(value, str):
        return len(value.encode(errors="surrogatepass")) <= LONGEST_STRING
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return levels > 0 and len(value) <= MOST_ITEMS and all(_fits(one, levels - 1) for one in inner)
    return True
